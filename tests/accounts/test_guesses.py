"""Guessing passwords: a few tries are free, then every door is shut for a while, to the right password too."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from structlog.testing import capture_logs

from accounts import guesses, services
from accounts.models import User
from tests.support.api import post, refused
from tests.support.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
SIGN_IN, ADMIN, REGISTER, FORGOTTEN = (
    "/accounts/sign-in/",
    "/admin/login/",
    "/accounts/register/",
    "/accounts/password/",
)
HERE, ELSEWHERE = "192.0.2.7", "192.0.2.8"
FREE = 3


@pytest.fixture(autouse=True)
def _few(settings: Any) -> None:
    settings.CHAT_SIGN_IN_ACCOUNT_FAILURES = FREE
    settings.CHAT_SIGN_IN_DELAY_S = 90


@pytest.fixture
def alice() -> User:
    return make_user("alice", is_staff=True, is_superuser=True)


def client(address: str = HERE) -> Client:
    return Client(REMOTE_ADDR=address)


def by_rest(username: str, password: str, address: str = HERE) -> Any:
    return post(client(address), "/api/auth", {"username": username, "password": password})


def by_page(username: str, password: str, address: str = HERE) -> Any:
    return client(address).post(SIGN_IN, {"username": username, "password": password})


def by_admin(username: str, password: str, address: str = HERE) -> Any:
    return client(address).post(ADMIN, {"username": username, "password": password})


DOORS: dict[str, Callable[..., Any]] = {"rest": by_rest, "page": by_page, "admin": by_admin}


def guess(username: str = "alice", *, door: str = "rest", times: int = FREE, address: str = HERE) -> None:
    for _ in range(times):
        DOORS[door](username, "wrong", address)


# --- Doors ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tried", DOORS)
def test_after_too_many_wrong_passwords_the_right_one_enters_by_no_door(alice: User, tried: str) -> None:
    guess(door=tried, times=FREE - 1)
    assert by_rest("alice", PASSWORD).status_code == 200
    guess(door=tried)
    assert refused(by_rest("alice", PASSWORD), 429, "rate-limited")
    assert by_page("alice", PASSWORD).status_code == 429
    assert by_admin("alice", PASSWORD).status_code == 200, "the form, again"
    assert refused(by_rest("alice", PASSWORD, ELSEWHERE), 429, "rate-limited")


def test_it_enters_when_the_time_is_over_and_the_count_is_reset(alice: User) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        guess()
        clock.shift(89)
        assert by_rest("alice", PASSWORD).status_code == 429
        clock.shift(2)
        assert by_rest("alice", PASSWORD).status_code == 200
        guess(times=FREE - 1)
        assert by_rest("alice", PASSWORD).status_code == 200


def test_rest_says_when_to_come_back() -> None:
    guess("nobody")
    response = by_rest("nobody", "wrong")
    answer = response.json()
    assert answer["retryable"]
    assert 80_000 < answer["retryAfterMs"] <= 90_001
    assert 80 < int(response.headers["Retry-After"]) <= 91


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "Too many attempts. Try again in 2 minutes."), ("zh-hans", "尝试次数过多。请在 2 分钟后重试。")],
)
@pytest.mark.parametrize("door", ["page", "admin"])
def test_pages_say_it_in_a_sentence(alice: User, door: str, language: str, sentence: str) -> None:
    guess(door=door)
    browser = Client(REMOTE_ADDR=HERE, headers={"Accept-Language": language})
    response = browser.post({"page": SIGN_IN, "admin": ADMIN}[door], {"username": "alice", "password": PASSWORD})
    assert sentence in response.content.decode()
    assert "_auth_user_id" not in browser.session


def test_the_sign_in_page_has_the_time_in_its_header(alice: User) -> None:
    guess(door="page")
    assert int(by_page("alice", PASSWORD).headers["Retry-After"]) > 80


def test_the_right_password_of_no_staff_is_refused_by_the_admin_as_before() -> None:
    make_user("bob")
    assert "staff" in by_admin("bob", PASSWORD).content.decode()


# --- Names ------------------------------------------------------------------------------------------------------------
def test_any_spelling_of_a_name_is_the_same_account(alice: User) -> None:
    for spelling in ("ALICE", "alice", "ａｌｉｃｅ"):
        guess(spelling, times=1)
    assert by_rest("alice", PASSWORD).status_code == 429


def test_another_account_is_not_concerned(alice: User) -> None:
    make_user("bob")
    guess()
    assert by_rest("bob", PASSWORD).status_code == 200


@pytest.mark.parametrize("door", DOORS)
def test_a_name_that_nobody_has_is_answered_as_one_that_somebody_has(alice: User, door: str) -> None:
    make_user("gone", is_active=False)
    answers = {}
    with time_machine.travel(1_800_000_000, tick=False):
        for name in ("alice", "ghost", "gone"):
            responses = [DOORS[door](name, "wrong") for _ in range(FREE + 2)]
            answers[name] = [(response.status_code, _words(response, name)) for response in responses]
    assert answers["ghost"] == answers["gone"] == answers["alice"]


def _words(response: Any, name: str) -> str:
    """Without what differs in every page."""
    text = response.content.decode().replace(name, "name")
    return "".join(line for line in text.splitlines() if "csrf" not in line and "nonce" not in line)


def test_a_name_that_nobody_has_costs_as_much_work_as_one_that_somebody_has(
    alice: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    """The hash takes nearly all of the time of a wrong sign-in: one for each of them, and none for a locked one."""
    make_user("gone", is_active=False)
    User.objects.create(username="by-token").set_unusable_password()
    hashed: list[int] = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *args: hashed.append(1) or encode(*args))
    for name in ("alice", "ghost", "gone", "by-token"):
        for expected in [*[1] * FREE, 0, 0]:
            hashed.clear()
            with django_assert_num_queries(expected):
                by_rest(name, "wrong")
            assert len(hashed) == expected, name


# --- Addresses --------------------------------------------------------------------------------------------------------
def test_an_address_that_tries_many_names_is_refused_alone(settings: Any, alice: User) -> None:
    settings.CHAT_SIGN_IN_ADDRESS_FAILURES = 6
    for number in range(6):
        guess(f"name-{number}", times=1, address="2001:db8::1")
    assert by_rest("alice", PASSWORD, "2001:db8::ffff").status_code == 429
    assert by_page("alice", PASSWORD, "2001:db8::ffff").status_code == 429
    assert by_rest("alice", PASSWORD, "2001:db8:0:1::1").status_code == 200


def test_signing_in_does_not_clear_the_address_of_its_wrong_tries(settings: Any, alice: User) -> None:
    settings.CHAT_SIGN_IN_ADDRESS_FAILURES = 4
    make_user("bob")
    for number in range(4):
        assert by_rest("bob", PASSWORD).status_code == 200
        guess(f"name-{number}", times=1)
    assert by_rest("bob", PASSWORD).status_code == 429


def test_an_address_makes_a_number_of_accounts_in_an_hour(settings: Any) -> None:
    settings.CHAT_SIGN_IN_ADDRESS_ACCOUNTS = 2
    assert (
        post(client(), "/api/auth/register", {"username": "dora", "password": "a long enough one"}).status_code == 201
    )
    fields = {"password1": "a-long-way-home", "password2": "a-long-way-home"}
    assert client().post(REGISTER, {"username": "emil", **fields}).status_code == 302
    third = {"username": "fred", "password": "a long enough one"}
    assert refused(post(client(), "/api/auth/register", third), 429, "rate-limited")
    page = client().post(REGISTER, {"username": "fred", **fields})
    assert (page.status_code, "Try again in 2 minutes" in page.content.decode()) == (429, True)
    assert not User.objects.filter(username="fred").exists()
    assert post(client(ELSEWHERE), "/api/auth/register", third).status_code == 201


@pytest.mark.parametrize(("path", "field"), [("/api/auth/refresh", "refresh"), ("/api/auth/exchange", "token")])
def test_wrong_tokens_are_counted_by_address(settings: Any, alice: User, path: str, field: str) -> None:
    settings.CHAT_SIGN_IN_ADDRESS_FAILURES = 3
    signed_in = services.open_sign_in(user=alice)
    for _ in range(3):
        assert post(client(), path, {field: "wrong"}).status_code == 401
    for body in ({field: "wrong"}, {field: signed_in.refresh}):
        assert refused(post(client(), path, body), 429, "rate-limited")
    token = {"Authorization": f"Bearer {signed_in.access}"}
    assert refused(client().get("/api/me", headers=token), 429, "rate-limited")
    assert client(ELSEWHERE).get("/api/me", headers=token).status_code == 200


# --- Who has signed in ------------------------------------------------------------------------------------------------
def test_guesses_at_a_name_end_neither_its_session_nor_its_tokens(alice: User) -> None:
    browser = client()
    browser.post(SIGN_IN, {"username": "alice", "password": PASSWORD})
    tokens = by_rest("alice", PASSWORD).json()
    guess(address=ELSEWHERE)
    assert browser.get("/api/me").status_code == 200
    assert browser.get("/admin/").status_code == 200
    assert client().get("/api/me", headers={"Authorization": f"Bearer {tokens['token']}"}).status_code == 200
    assert post(client(), "/api/auth/refresh", {"refresh": tokens["refresh"]}).status_code == 200


# --- What is logged ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("door", DOORS)
def test_every_failure_is_logged_without_name_or_password(alice: User, door: str) -> None:
    with capture_logs() as logs:
        guess(door=door, times=FREE + 1)
        DOORS[door]("alice", PASSWORD, ELSEWHERE)
    ours = [line for line in logs if line["event"].startswith("sign_in.")]
    assert [line["event"] for line in ours] == ["sign_in.failed"] * FREE + ["sign_in.refused"] * 2
    assert [line["address"] for line in ours] == [HERE] * (FREE + 1) + [ELSEWHERE]
    assert {(line["door"], line["account"]) for line in ours} == {(door, guesses.account("Alice"))}
    for secret in ("alice", "wrong", PASSWORD):
        assert secret not in str(ours)


def test_a_fault_is_no_guess(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(services, "authenticate", lambda *_, **__: 1 / 0)
        for _ in range(FREE + 1):
            with pytest.raises(ZeroDivisionError):
                services.sign_in(username="alice", password="wrong")
    assert by_rest("alice", PASSWORD).status_code == 200
