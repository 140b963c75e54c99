"""From a token or a session to the caller, and what ends them."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.backends import file
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from accounts import authentication, services
from accounts.authentication import Identity
from accounts.models import EndedSession, SignIn, User
from accounts.signals import access_changed
from rooms.conf import conf
from rooms.errors import AuthExpired, AuthRequired, Banned
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def token(alice: User) -> str:
    return services.open_sign_in(user=alice).access


def cookie_of(client: Client) -> str:
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return cookie_of(client)


def is_signed_out(identity: Identity) -> bool:
    try:
        authentication.refreshed(identity)
    except AuthRequired:
        return True
    return False


@pytest.fixture(params=["token", "session"])
def identity(request: pytest.FixtureRequest, alice: User, token: str) -> Identity | None:
    """Alice, by each of the two proofs in turn."""
    return authentication.by_token(token) if request.param == "token" else authentication.by_session(session_of(alice))


# --- By token ---------------------------------------------------------------------------------------------------------
def test_a_token_gives_its_user_and_its_end(alice: User, token: str) -> None:
    identity = authentication.by_token(token)
    assert (identity.user_id, identity.username, identity.roles) == (alice.pk, "alice", ("user",))
    assert identity.sign_in == SignIn.objects.get().pk
    assert identity.expires_at == pytest.approx(time.time() + conf.CHAT_ACCESS_MINUTES * 60, abs=60)


def test_roles_are_todays_and_not_the_tokens(alice: User, token: str) -> None:
    alice.groups.add(Group.objects.create(name="moderator"))
    assert authentication.by_token(token).roles == ("user", "moderator")


def test_an_expired_token_says_so(token: str) -> None:
    with time_machine.travel(time.time() + conf.CHAT_ACCESS_MINUTES * 60 + 60), pytest.raises(AuthExpired):
        authentication.by_token(token)


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}, {"token_epoch": 1}])
def test_a_token_from_before_a_change_is_refused(alice: User, token: str, change: dict[str, Any]) -> None:
    User.objects.filter(pk=alice.pk).update(**change)
    with pytest.raises(AuthRequired):
        authentication.by_token(token)


def test_a_deleted_users_token_is_refused(alice: User, token: str) -> None:
    alice.delete()
    with pytest.raises(AuthRequired):
        authentication.by_token(token)


def test_a_revoked_sign_ins_token_is_refused(token: str) -> None:
    services.sign_out(token=token)
    with pytest.raises(AuthRequired, match="Signed out"):
        authentication.by_token(token)


# --- By session -------------------------------------------------------------------------------------------------------
def test_a_session_gives_its_user(alice: User) -> None:
    key = session_of(alice)
    identity = authentication.by_session(key)
    assert identity is not None
    assert (identity.user_id, identity.username, identity.roles) == (alice.pk, "alice", ("user",))
    assert (identity.stamp, identity.session_key, identity.expires_at) == (alice.stamp(), key, None)


@pytest.mark.parametrize("key", ["", "unknown0", "short", "nul\0nul\0nul", "a b c d e f", "../../../etc/x", "x" * 5000])
def test_a_session_key_of_nobody_gives_nobody(key: str) -> None:
    assert authentication.by_session(key) is None


def test_a_session_key_that_postgresql_could_not_store_is_not_looked_up(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        authentication.by_session("nul\0nul\0nul")


def test_an_anonymous_session_gives_nobody() -> None:
    client = Client()
    session = client.session
    session["language"] = "en"
    session.save()
    assert authentication.by_session(str(session.session_key)) is None


def test_an_expired_session_gives_nobody(alice: User) -> None:
    key = session_of(alice)
    with time_machine.travel(time.time() + timedelta(days=30).total_seconds()):
        assert authentication.by_session(key) is None


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}, {"token_epoch": 1}])
def test_a_session_from_before_a_change_gives_nobody(alice: User, change: dict[str, Any]) -> None:
    key = session_of(alice)
    User.objects.filter(pk=alice.pk).update(**change)
    assert authentication.by_session(key) is None


ENGINES = ["db", "cached_db", "cache", "file", "signed_cookies"]


@pytest.fixture(params=ENGINES)
def engine(
    request: pytest.FixtureRequest, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Each of Django's session engines in turn."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    monkeypatch.setattr(file.SessionStore, "_storage_path", str(tmp_path), raising=False)
    yield request.param
    cache.clear()


def test_every_engine_gives_the_sessions_user(engine: str, alice: User, django_assert_num_queries: Any) -> None:
    client = Client()
    client.force_login(alice)
    assert client.get("/api/me").status_code == 200
    with django_assert_num_queries(3 if engine == "db" else 2):  # the session, the user, the groups
        identity = authentication.by_session(cookie_of(client))
    assert identity is not None
    assert identity.user_id == alice.pk
    assert authentication.refreshed(identity) == identity


@pytest.mark.parametrize(
    "key", ["unknown0", "nul\0nul\0nul", "../../../etc/passwd", "a" * 4000, "a:b:c:d:e", "x" * 5000]
)
@pytest.mark.filterwarnings("ignore:Cache key")  # Django hands the cookies of pages to its caches in the same way
def test_a_key_of_nobody_gives_nobody_with_every_engine(engine: str, db: None, key: str) -> None:
    assert authentication.by_session(key) is None


@pytest.mark.django_db(transaction=True)
def test_whoever_hears_of_a_logout_finds_the_session_ended(engine: str, alice: User) -> None:
    here, there = Client(), Client()
    here.force_login(alice)
    there.force_login(alice)
    identity, other = (authentication.by_session(cookie_of(client)) for client in (here, there))
    assert identity is not None
    assert other is not None
    heard: list[bool] = []

    def listen(user_ids: list[int], **_: Any) -> None:
        heard.append(is_signed_out(identity))

    access_changed.connect(listen)
    here.post("/accounts/sign-out/")
    access_changed.disconnect(listen)
    assert set(heard) == {True}
    assert authentication.by_session(identity.session_key) is None
    assert not is_signed_out(other)


def test_a_session_that_was_written_again_or_signed_in_again_ends_the_sockets_from_before(
    engine: str, alice: User, settings: Any
) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    client = Client()
    with time_machine.travel(time.time() - 60):
        client.force_login(alice)
        identity = authentication.by_session(cookie_of(client))
    assert identity is not None
    client.get("/accounts/register/")
    client.force_login(alice)
    client.post("/accounts/sign-out/")
    assert is_signed_out(identity)


def test_another_way_to_sign_in_or_out_needs_no_session(alice: User) -> None:
    request = HttpRequest()
    request.session = SessionStore()
    user_logged_in.send(sender=User, request=None, user=alice)
    user_logged_in.send(sender=User, request=request, user=alice)
    user_logged_out.send(sender=User, request=None, user=alice)
    user_logged_out.send(sender=User, request=request, user=None)
    assert not request.session.keys()
    assert not EndedSession.objects.exists()


def test_what_was_noted_of_ended_sessions_goes_when_their_cookies_have_expired(alice: User) -> None:
    client = Client()
    with time_machine.travel(time.time() - timedelta(days=30).total_seconds()):
        client.force_login(alice)
        client.logout()
    assert EndedSession.objects.count() == 1
    client.force_login(alice)
    client.logout()
    assert EndedSession.objects.get().until > timezone.now()


# --- Looking again ----------------------------------------------------------------------------------------------------
def test_looking_again_gives_todays_name_and_roles(alice: User, identity: Identity) -> None:
    alice.username, alice.is_superuser = "alicia", True
    alice.save()
    again = authentication.refreshed(identity)
    assert (again.username, again.roles) == ("alicia", ("user", "moderator", "admin"))
    assert (again.sign_in, again.session_key, again.expires_at) == (
        identity.sign_in,
        identity.session_key,
        identity.expires_at,
    )


def test_who_was_deactivated_is_banned(alice: User, identity: Identity) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(Banned):
        authentication.refreshed(identity)


@pytest.mark.parametrize("change", [{"password": "!"}, {"token_epoch": 1}])
def test_who_changed_their_password_or_left_everywhere_is_signed_out(
    alice: User, identity: Identity, change: dict[str, Any]
) -> None:
    User.objects.filter(pk=alice.pk).update(**change)
    with pytest.raises(AuthRequired, match="Signed out"):
        authentication.refreshed(identity)


def test_who_is_deleted_is_signed_out(alice: User, identity: Identity) -> None:
    alice.delete()
    with pytest.raises(AuthRequired, match="Signed out"):
        authentication.refreshed(identity)


def test_who_signed_out_here_is_signed_out(token: str, identity: Identity) -> None:
    services.sign_out(token=token)
    Session.objects.all().delete()
    with pytest.raises(AuthRequired, match="Signed out"):
        authentication.refreshed(identity)


def test_who_signed_out_elsewhere_stays(alice: User, identity: Identity) -> None:
    services.sign_out(token=services.open_sign_in(user=alice).access)
    assert authentication.refreshed(identity) == identity
