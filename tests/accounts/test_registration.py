"""Who may register: everybody, who has an invitation, or nobody; and that an invitation is not used too often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts import registration
from accounts.models import Invitation, User
from rooms.errors import Forbidden, InvalidInvitation
from tests.support.api import post, refused
from tests.support.factories import make_user
from tests.support.servers import Database

REGISTER, SIGN_IN = "/accounts/register/", "/accounts/sign-in/"
PASSWORD = "a-long-way-home"


@pytest.fixture
def code(db: None, settings: Any) -> str:
    """Of an invitation for two, which registering needs."""
    settings.CHAT_REGISTRATION = "invitation"
    return invite(uses=2)


def invite(uses: int = 1, **fields: Any) -> str:
    values = {"expires_at": timezone.now() + timedelta(days=1), **fields}
    return registration.invite(created_by=make_user(), uses=uses, **values)[1]


def register(username: str, invitation: str = "") -> User:
    return registration.register(username=username, password=PASSWORD, invitation=invitation)


def form(username: str, **fields: str) -> dict[str, str]:
    return {"username": username, "password1": PASSWORD, "password2": PASSWORD, **fields}


# --- Invitations ------------------------------------------------------------------------------------------------------
def test_an_invitation_is_good_as_often_as_it_says(code: str) -> None:
    register("dora", code)
    register("emil", f" {code} ")
    with pytest.raises(InvalidInvitation):
        register("fritz", code)
    assert not User.objects.filter(username="fritz").exists()
    assert Invitation.objects.get().used == 2


def test_a_code_has_96_random_bits_and_only_its_hash_is_stored(code: str) -> None:
    assert len(code) == 16
    values = Invitation.objects.values().get()
    assert code not in str(values)
    assert len(values["code_hash"]) == 64
    assert invite() != invite()


@pytest.mark.parametrize("change", [{"expires_at": timezone.now()}, {"revoked_at": timezone.now()}, {"uses": 0}])
def test_one_that_has_expired_or_was_revoked_or_is_used_up_is_refused(code: str, change: dict[str, Any]) -> None:
    Invitation.objects.update(**change)
    with pytest.raises(InvalidInvitation):
        register("dora", code)


@pytest.mark.parametrize("text", ["", "wrong", "\ud800"])
def test_what_is_no_code_is_refused(code: str, text: str) -> None:
    with pytest.raises(InvalidInvitation):
        register("dora", text)


def test_a_refused_account_uses_nothing_up(code: str) -> None:
    make_user("dora")
    with pytest.raises(ValidationError):
        register("DORA", code)
    assert Invitation.objects.get().used == 0


def test_a_name_taken_in_the_same_moment_uses_nothing_up(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user("dora")
    monkeypatch.setattr(User, "validate_unique", lambda *_, **__: None)
    with pytest.raises(ValidationError):
        register("dora", code)
    assert Invitation.objects.get().used == 0


def test_without_the_setting_no_invitation_is_asked_for(db: None) -> None:
    assert register("dora").username == "dora"


@pytest.mark.parametrize("database", ["postgres_url", "sqlite_url"])
def test_the_last_use_is_counted_once_however_many_want_it(
    request: pytest.FixtureRequest,
    django_db_blocker: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    database: str,
) -> None:
    """Two threads whose accounts are ready at the same moment: one is stored."""
    settings.CHAT_REGISTRATION = "invitation"
    url, both = request.getfixturevalue(database), Barrier(2, timeout=30)
    databases = [Database(url, django_db_blocker) for _ in range(2)]
    use = registration._use

    def use_together(code: str) -> None:
        if database == "postgres_url":  # a transaction of SQLite waits for the other one's end from its beginning
            both.wait()
        use(code)

    monkeypatch.setattr(registration, "_use", use_together)
    code = databases[0].run(invite)

    def attempt(database: Database, username: str) -> str:
        try:
            return str(database.run(register, username, code))
        except InvalidInvitation:
            return ""

    with ThreadPoolExecutor(2) as threads:
        names = list(threads.map(attempt, databases, ["dora", "emil"]))
    assert sorted(map(bool, names)) == [False, True]
    assert databases[0].run(lambda: Invitation.objects.get().used) == 1
    assert databases[0].run(lambda: User.objects.filter(username__in=["dora", "emil"]).count()) == 1
    for each in databases:
        each.close()
    connections.close_all()


# --- The page ---------------------------------------------------------------------------------------------------------
def test_the_page_asks_for_an_invitation_and_takes_it_from_a_link(client: Client, code: str) -> None:
    page = client.get(REGISTER, {"invitation": code}).content.decode()
    assert f'value="{code}"' in page
    wrong = client.post(REGISTER, form("dora", invitation="wrong"))
    assert "This invitation is not valid" in wrong.content.decode()
    assert client.post(REGISTER, form("dora")).status_code == 200
    assert not User.objects.filter(username="dora").exists()
    assert client.post(REGISTER, form("dora", invitation=code)).status_code == 302
    assert client.session["_auth_user_id"] == str(User.objects.get(username="dora").pk)


def test_open_registration_asks_for_none(client: Client, db: None) -> None:
    assert "invitation" not in client.get(REGISTER).content.decode()
    assert f'href="{REGISTER}"' in client.get(SIGN_IN).content.decode()


def test_closed_registration_has_neither_a_page_nor_a_link(client: Client, settings: Any, db: None) -> None:
    settings.CHAT_REGISTRATION = "closed"
    assert client.get(REGISTER).status_code == 404
    assert client.post(REGISTER, form("dora")).status_code == 404
    assert REGISTER not in client.get(SIGN_IN).content.decode()
    with pytest.raises(Forbidden):
        register("dora")


# --- REST -------------------------------------------------------------------------------------------------------------
def test_rest_takes_an_invitation(client: Client, code: str) -> None:
    account = {"username": "dora", "password": PASSWORD}
    assert refused(post(client, "/api/auth/register", account), 404, "invalid-invitation")
    assert refused(post(client, "/api/auth/register", {**account, "invitation": "wrong"}), 404, "invalid-invitation")
    assert post(client, "/api/auth/register", {**account, "invitation": code}).status_code == 201


def test_rest_refuses_where_registration_is_closed(client: Client, settings: Any, db: None) -> None:
    settings.CHAT_REGISTRATION = "closed"
    assert refused(post(client, "/api/auth/register", {"username": "dora", "password": PASSWORD}), 403, "forbidden")
