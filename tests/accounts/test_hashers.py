"""Passwords: hashed with argon2, and only so many at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils.module_loading import import_string

from accounts import hashers
from chatsite import settings


def test_argon2_is_what_new_passwords_are_hashed_with() -> None:
    assert import_string(settings.PASSWORD_HASHERS[0]) is hashers.Argon2Hasher


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
