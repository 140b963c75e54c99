"""The page of one's own account, as a browser uses it."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts import devices
from accounts.models import User
from tests.support.factories import PASSWORD, make_message, make_room, make_user

pytestmark = pytest.mark.django_db
PAGE = "/accounts/me/"
NEW = "another-long-one"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


def browser(name: str = "Firefox") -> Client:
    client = Client(headers={"User-Agent": name, "Accept-Language": "en"}, REMOTE_ADDR="192.0.2.7")
    client.post("/accounts/sign-in/", {"username": "alice", "password": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return client.get("/config/").status_code == 200


def change(client: Client, old: str = PASSWORD, new: str = NEW, again: str = NEW) -> Any:
    form = {"old_password": old, "new_password1": new, "new_password2": again}
    return client.post(f"{PAGE}password/", form, follow=True)


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("post", "password/"), ("post", "devices/end/"), ("get", "export/"), ("post", "erase/")],
)
def test_the_page_is_for_who_is_signed_in_and_is_never_kept(alice: User, method: str, path: str) -> None:
    assert getattr(Client(), method)(PAGE + path)["Location"].startswith("/accounts/sign-in/")
    assert "no-store" in getattr(browser(), method)(PAGE + path)["Cache-Control"]


@pytest.mark.parametrize("path", ["password/", "devices/end/", "erase/"])
def test_what_changes_something_needs_a_form_of_the_page(alice: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.get(PAGE + path).status_code == 405
    assert client.post(PAGE + path, {"erase-password": PASSWORD}).status_code == 403
    assert User.objects.exists()


def test_a_changed_password_keeps_this_browser_and_no_other(alice: User) -> None:
    mine, other = browser("Mine"), browser("Other")
    assert "Your password has been changed" in change(mine).content.decode()
    assert (is_in(mine), is_in(other)) == (True, False)
    assert User.objects.get().check_password(NEW)
    page = mine.get(PAGE).content.decode()
    assert "Mine" in page
    assert "Other" not in page


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"old": "wrong"}, "This is not right."),
        ({"again": "something else"}, "match"),
        ({"new": "12345678", "again": "12345678"}, "too common"),
    ],
)
def test_a_change_that_will_not_do_says_why(alice: User, values: dict[str, str], complaint: str) -> None:
    client = browser()
    assert complaint in change(client, **values).content.decode()
    assert User.objects.get().check_password(PASSWORD)
    assert is_in(client)


def test_another_device_is_signed_out_and_this_one_has_no_button(alice: User) -> None:
    mine, other = browser("Mine"), browser("Other")
    page = mine.get(PAGE).content.decode()
    this, that = (devices.of_session(client.session) for client in (mine, other))
    assert "192.0.2.7" in page
    assert f"{PAGE}devices/{that}/end/" in page
    assert f"{PAGE}devices/{this}/end/" not in page
    assert "signed out" in mine.post(f"{PAGE}devices/{that}/end/", follow=True).content.decode()
    assert (is_in(mine), is_in(other)) == (True, False)


def test_signing_out_everywhere_leads_to_the_sign_in(alice: User) -> None:
    mine, other = browser("Mine"), browser("Other")
    assert mine.post(f"{PAGE}devices/end/")["Location"] == "/accounts/sign-in/"
    assert (is_in(mine), is_in(other)) == (False, False)


def test_ones_data_is_a_file(alice: User) -> None:
    make_message(make_room(), alice, "tomatoes")
    response = browser().get(f"{PAGE}export/")
    assert response["Content-Disposition"].startswith("attachment")
    assert json.loads(response.content)["chat"]["messages"][0]["content"] == "tomatoes"


def test_an_account_is_deleted_by_its_password(alice: User) -> None:
    client = browser()
    wrong = client.post(f"{PAGE}erase/", {"erase-password": "wrong"}).content.decode()
    assert "This is not right." in wrong
    assert User.objects.exists()
    done = client.post(f"{PAGE}erase/", {"erase-password": PASSWORD}).content.decode()
    assert "Your account has been deleted" in done
    assert not User.objects.exists()
    assert not is_in(client)


def test_somebody_of_another_system_has_no_password_form_and_confirms_by_the_username(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    client = Client()
    client.force_login(alice)
    page = client.get(PAGE).content.decode()
    assert "old_password" not in page
    client.post(f"{PAGE}erase/", {"erase-password": "alice"})
    assert not User.objects.exists()


def test_the_last_superuser_reads_why_not(alice: User) -> None:
    User.objects.update(is_superuser=True)
    page = browser().post(f"{PAGE}erase/", {"erase-password": PASSWORD}).content.decode()
    assert "last superuser" in page
    assert User.objects.exists()


@pytest.mark.parametrize(
    ("setting", "text"), [("keep", "Your messages stay"), ("delete", "the text of all your messages")]
)
def test_the_page_says_what_becomes_of_messages(alice: User, settings: Any, setting: str, text: str) -> None:
    settings.CHAT_ERASED_MESSAGES = setting
    assert text in browser().get(PAGE).content.decode()


@pytest.mark.parametrize("path", ["password/", "erase/"])
def test_wrong_passwords_are_counted_with_those_of_the_sign_in(alice: User, settings: Any, path: str) -> None:
    settings.CHAT_SIGN_IN_ACCOUNT_FAILURES = 2
    client = browser()
    form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW, "erase-password": "wrong"}
    statuses = [client.post(PAGE + path, form).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    right = {**form, "old_password": PASSWORD, "erase-password": PASSWORD}
    refused = client.post(PAGE + path, right)
    assert refused.status_code == 429
    assert "Too many attempts" in refused.content.decode()
    assert User.objects.get().check_password(PASSWORD)
    assert is_in(client)
