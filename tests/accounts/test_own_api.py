"""One's own account over REST: by a token and by a session, and never anybody else's."""

from typing import Any

import pytest
from django.test import Client

from accounts import devices, services
from accounts.models import User
from tests.support.api import refused
from tests.support.factories import PASSWORD, make_message, make_room, make_user

pytestmark = pytest.mark.django_db
NEW = "another-long-one"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


class Program:
    """Speaks REST with the tokens of a new sign-in."""

    def __init__(self, user: User) -> None:
        self.use(services.open_sign_in(user=user, user_agent="Program").access)

    def use(self, token: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def is_in(self) -> bool:
        return self.client.get("/api/me").status_code == 200


@pytest.fixture
def program(alice: User) -> Program:
    return Program(alice)


@pytest.fixture
def browser(alice: User) -> Client:
    client = Client(headers={"User-Agent": "Firefox"})
    client.post("/accounts/sign-in/", {"username": "alice", "password": PASSWORD})
    return client


def post(client: Client, path: str, **body: str) -> Any:
    return client.post(f"/api/me/{path}", body, content_type="application/json")


def is_in(client: Client) -> bool:
    return client.get("/api/me").status_code == 200


PATHS = [
    ("post", "password"), ("get", "devices"), ("delete", "devices"), ("get", "export"), ("post", "erase"),
    ("delete", "devices/00000000-0000-0000-0000-000000000000"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nobody_has_no_account(method: str, path: str, db: None) -> None:
    assert refused(getattr(Client(), method)(f"/api/me/{path}"), 401, "auth-required")


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_session_needs_its_csrf_token_to_change_anything(alice: User, method: str, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    status = getattr(client, method)(f"/api/me/{path}").status_code
    assert status == (200 if method == "get" else 403)


# --- Password ---------------------------------------------------------------------------------------------------------
def test_a_program_that_changes_the_password_gets_new_tokens_and_all_others_are_out(
    program: Program, browser: Client, alice: User
) -> None:
    other = Program(alice)
    response = post(program.client, "password", password=PASSWORD, newPassword=NEW)
    assert response.status_code == 200
    assert (program.is_in(), other.is_in(), is_in(browser)) == (False, False, False)
    program.use(response.json()["token"])
    assert program.is_in()
    assert User.objects.get().check_password(NEW)


def test_a_browser_that_changes_the_password_stays_in(program: Program, browser: Client) -> None:
    key = browser.session.session_key
    assert post(browser, "password", password=PASSWORD, newPassword=NEW).status_code == 204
    assert (program.is_in(), is_in(browser)) == (False, True)
    assert browser.session.session_key != key
    assert [device.user_agent for device in devices.devices(user=User.objects.get())] == ["Firefox"]


@pytest.mark.parametrize(
    ("old", "new", "status", "code"),
    [("wrong", NEW, 403, "forbidden"), (PASSWORD, "12345678", 400, "bad-frame"), (PASSWORD, "", 400, "bad-frame")],
)
def test_a_wrong_old_or_weak_new_password_changes_nothing(
    program: Program, old: str, new: str, status: int, code: str
) -> None:
    assert refused(post(program.client, "password", password=old, newPassword=new), status, code)
    assert program.is_in()
    assert User.objects.get().check_password(PASSWORD)


def test_what_is_wrong_with_a_new_password_is_said(program: Program) -> None:
    answer = post(program.client, "password", password=PASSWORD, newPassword="12345678").json()
    assert set(answer["fields"]) == {"newPassword"}


def test_somebody_of_another_system_has_no_password_to_change(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    response = post(Program(alice).client, "password", password="alice", newPassword=NEW)
    assert refused(response, 403, "forbidden")


# --- Devices ----------------------------------------------------------------------------------------------------------
def test_devices_say_which_one_is_this(program: Program, browser: Client) -> None:
    for client, name in ((program.client, "Program"), (browser, "Firefox")):
        shown = client.get("/api/me/devices").json()["devices"]
        assert {device["userAgent"]: device["current"] for device in shown} == {
            "Program": name == "Program",
            "Firefox": name == "Firefox",
        }
        assert {device["userAgent"]: device["browser"] for device in shown} == {"Program": False, "Firefox": True}


def test_a_device_is_signed_out(program: Program, browser: Client) -> None:
    key = next(d["id"] for d in browser.get("/api/me/devices").json()["devices"] if d["userAgent"] == "Program")
    assert browser.delete(f"/api/me/devices/{key}").status_code == 204
    assert (program.is_in(), is_in(browser)) == (False, True)
    assert refused(browser.delete(f"/api/me/devices/{key}"), 404, "not-found")


def test_nobody_signs_out_somebody_elses_device(program: Program) -> None:
    other = Program(make_user("bob"))
    key = other.client.get("/api/me/devices").json()["devices"][0]["id"]
    assert refused(program.client.delete(f"/api/me/devices/{key}"), 404, "not-found")
    assert other.is_in()


def test_signing_out_everywhere_is_here_too(program: Program, browser: Client) -> None:
    assert program.client.delete("/api/me/devices").status_code == 204
    assert (program.is_in(), is_in(browser)) == (False, False)


# --- Export -----------------------------------------------------------------------------------------------------------
def test_the_export_is_a_file_that_no_cache_keeps(program: Program, alice: User) -> None:
    make_message(make_room("garden"), alice, "tomatoes")
    make_message(make_room("kitchen"), make_user("bob"), "soup")
    response = program.client.get("/api/me/export")
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Disposition"] == f'attachment; filename="chat-{alice.pk}.json"'
    exported = response.json()
    assert set(exported) == {"account", "signIns", "identities", "chat"}
    assert [message["content"] for message in exported["chat"]["messages"]] == ["tomatoes"]


# --- Erasure ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("caller", ["program", "browser"])
def test_an_account_is_erased_by_its_password(request: pytest.FixtureRequest, alice: User, caller: str) -> None:
    found = request.getfixturevalue(caller)
    client = found.client if isinstance(found, Program) else found
    assert refused(post(client, "erase", password="wrong"), 403, "forbidden")
    assert is_in(client)
    assert post(client, "erase", password=PASSWORD).status_code == 204
    assert not User.objects.exists()
    assert not is_in(client)


def test_somebody_of_another_system_confirms_by_the_username(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    client = Program(alice).client
    assert refused(post(client, "erase", password=PASSWORD), 403, "forbidden")
    assert post(client, "erase", password="Alice").status_code == 204
    assert not User.objects.exists()


def test_the_last_superuser_is_refused(alice: User) -> None:
    User.objects.update(is_superuser=True)
    assert refused(post(Program(alice).client, "erase", password=PASSWORD), 409, "conflict")
    assert User.objects.exists()


@pytest.mark.parametrize("path", ["password", "erase"])
def test_too_many_wrong_passwords_are_refused_for_a_while(alice: User, settings: Any, path: str) -> None:
    settings.CHAT_SIGN_IN_ACCOUNT_FAILURES = 2
    program = Program(alice)
    for _ in range(2):
        assert refused(post(program.client, path, password="wrong", newPassword=NEW), 403, "forbidden")
    assert refused(post(program.client, path, password=PASSWORD, newPassword=NEW), 429, "rate-limited")
    assert program.is_in()
