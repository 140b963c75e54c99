"""Passwords: hashed with argon2, a bounded number at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connections, transaction
from django.utils.module_loading import import_string

from accounts import hashers
from chatsite import settings as site
from rooms import database
from rooms.errors import RateLimited


def test_argon2_is_what_new_passwords_are_hashed_with() -> None:
    assert import_string(site.PASSWORD_HASHERS[0]) is hashers.Argon2Hasher


def test_a_password_is_told_from_another() -> None:
    hasher = hashers.Argon2Hasher()
    encoded = hasher.encode("a password", hasher.salt())
    assert encoded.startswith("argon2$argon2id$")
    assert hasher.verify("a password", encoded)
    assert not hasher.verify("another password", encoded)


def test_no_more_hashes_are_made_at_once_than_there_are_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    made, most, lock = 0, 0, threading.Lock()
    second = threading.Barrier(2)  # passed by two at a time: more than one at once is allowed

    def slow(*_: object) -> bool:
        nonlocal made, most
        with lock:
            made += 1
            most = max(most, made)
        second.wait(timeout=10)
        with lock:
            made -= 1
        return True

    monkeypatch.setattr(hashers, "turns", threading.BoundedSemaphore(2))
    monkeypatch.setattr(Argon2PasswordHasher, "verify", slow)
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda _: hashers.Argon2Hasher().verify("", ""), range(8)))
    assert most == 2


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.BoundedSemaphore]:
    """The only turn, which somebody else has."""
    turns = threading.BoundedSemaphore(1)
    monkeypatch.setattr(hashers, "turns", turns)
    with turns:
        yield turns


@pytest.mark.usefixtures("taken")
@pytest.mark.parametrize("method", ["encode", "verify"])
def test_who_gets_no_turn_in_time_is_refused_and_learns_when_to_come_back(settings: Any, method: str) -> None:
    settings.CHAT_PASSWORD_WAIT_MS = 20
    with pytest.raises(RateLimited) as refusal:
        getattr(hashers.Argon2Hasher(), method)("a password", "a-salt-of-some-length")
    assert refusal.value.retry_after_ms == 20


def test_without_a_limit_one_waits_for_a_turn(settings: Any, taken: threading.BoundedSemaphore) -> None:
    settings.CHAT_PASSWORD_WAIT_MS = 0
    with ThreadPoolExecutor(1) as threads:
        hashed = threads.submit(hashers.Argon2Hasher().encode, "a password", "a-salt-of-some-length")
        taken.release()
        assert hashed.result(timeout=30).startswith("argon2$")
        taken.acquire()


# --- The database meanwhile -------------------------------------------------------------------------------------------
@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time that the connection is given back; it is said to be of a pool."""
    given_back: list[str] = []
    monkeypatch.setattr(type(connections["default"]), "pool", object(), raising=False)
    monkeypatch.setattr(type(connections["default"]), "close", lambda _: given_back.append("closed"))
    return given_back


def hash_once() -> None:
    hashers.Argon2Hasher().encode("a password", "a-salt-of-some-length")


@pytest.mark.django_db(transaction=True)
def test_a_connection_of_a_pool_is_given_back_before_the_wait(closed: list[str]) -> None:
    connections["default"].ensure_connection()
    hash_once()
    assert closed == ["closed"]


@pytest.mark.django_db(transaction=True)
def test_within_a_transaction_it_cannot_be_given_back(closed: list[str]) -> None:
    with transaction.atomic():
        hash_once()
    assert not closed


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lent_is_left_alone(closed: list[str]) -> None:
    connections["default"].ensure_connection()
    with ThreadPoolExecutor(1) as threads:
        database.run_on(threads)
        try:
            hash_once()
        finally:
            database.run_on(None)
    assert not closed
