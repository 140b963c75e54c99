"""The pages for signing in, out, and registering."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts import services
from accounts.models import User
from tests.support.factories import PASSWORD

SIGN_IN, SIGN_OUT, REGISTER = "/accounts/sign-in/", "/accounts/sign-out/", "/accounts/register/"
DORA = {"username": "dora", "password1": "a-long-way-home", "password2": "a-long-way-home"}


def signed_in_as(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


def test_the_right_password_signs_in_and_leads_on(client: Client, people: SimpleNamespace) -> None:
    response = client.post(SIGN_IN, {"username": "alice", "password": PASSWORD, "next": "/rooms/general/"})
    assert response["Location"] == "/rooms/general/"
    assert signed_in_as(client) == str(people.alice.pk)


@pytest.mark.parametrize("path", [SIGN_IN, "/admin/login/"])
def test_another_case_of_the_name_signs_in(client: Client, people: SimpleNamespace, path: str) -> None:
    client.post(path, {"username": "ADMIN", "password": PASSWORD})
    assert signed_in_as(client) == str(people.admin.pk)


def test_a_wrong_password_is_refused(client: Client, people: SimpleNamespace) -> None:
    response = client.post(SIGN_IN, {"username": "alice", "password": "wrong"})
    assert 'role="alert"' in response.content.decode()
    assert signed_in_as(client) is None


@pytest.mark.parametrize("path", [SIGN_IN, REGISTER])
def test_nobody_is_led_to_another_site(client: Client, people: SimpleNamespace, path: str) -> None:
    client.force_login(people.alice)
    assert client.get(path, {"next": "https://example.org/"})["Location"] == "/"
    assert client.get(path, {"next": "/rooms/general/"})["Location"] == "/rooms/general/"


def test_signing_out_needs_a_post(client: Client, people: SimpleNamespace) -> None:
    client.force_login(people.alice)
    assert client.get(SIGN_OUT).status_code == 405
    assert signed_in_as(client)
    assert client.post(SIGN_OUT)["Location"] == SIGN_IN
    assert signed_in_as(client) is None


def test_registering_makes_an_account_and_signs_it_in(client: Client, db: None) -> None:
    response = client.post(REGISTER, {**DORA, "next": "/rooms/general/"})
    assert response["Location"] == "/rooms/general/"
    user = User.objects.get(username="dora")
    assert user.check_password(DORA["password1"])
    assert signed_in_as(client) == str(user.pk)
    assert not user.is_staff


def test_an_address_is_kept_when_somebody_gives_one(client: Client, db: None) -> None:
    client.post(REGISTER, {**DORA, "email": "dora@EXAMPLE.com"})
    client.logout()
    client.post(REGISTER, {**DORA, "username": "emil"})
    assert list(User.objects.order_by("pk").values_list("email", flat=True)) == ["dora@example.com", ""]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"email": "dora"}, "valid email address"),
        ({"password2": "another-long-way"}, "match"),
        ({"password1": "12345678", "password2": "12345678"}, "too common"),
        ({"username": "Alice"}, "already exists"),
        ({"username": "two words"}, "valid username"),
        ({"username": "\u3164"}, "valid username"),
    ],
)
def test_a_registration_that_will_not_do_says_why(
    client: Client, people: SimpleNamespace, change: dict[str, str], complaint: str
) -> None:
    response = client.post(REGISTER, {**DORA, **change})
    assert complaint in response.content.decode()
    assert signed_in_as(client) is None
    assert User.objects.count() == 4


def test_a_name_taken_in_the_same_moment_is_refused(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(**_: Any) -> None:
        raise ValidationError({"username": "That name is taken."})

    monkeypatch.setattr(services, "register", taken)
    assert "That name is taken." in client.post(REGISTER, DORA).content.decode()


@pytest.mark.parametrize("path", [SIGN_IN, REGISTER])
def test_a_form_sent_from_another_page_is_refused_with_a_page_that_helps(path: str, db: None) -> None:
    response = Client(enforce_csrf_checks=True).post(path, DORA)
    assert response.status_code == 403
    assert "This form is too old" in response.content.decode()
