"""From a token or a session to the caller, what they may be, and what ends it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.contrib.sessions.backends import file
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from accounts import services
from accounts.models import User
from rooms import callers
from rooms.callers import ADMINISTER, MODERATE, Identity
from rooms.conf import conf
from rooms.errors import AuthExpired, AuthRequired, Banned
from tests.support.factories import find_permission, make_user
from tests.support.sessions import cookie_of, session_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def token(alice: User) -> str:
    return services.open_sign_in(user=alice).access


def is_signed_out(identity: Identity) -> bool:
    try:
        callers.refreshed(identity)
    except AuthRequired:
        return True
    return False


@pytest.fixture(params=["token", "session"])
def identity(request: pytest.FixtureRequest, alice: User, token: str) -> Identity | None:
    """Alice, by each of the two proofs in turn."""
    return callers.by_token(token) if request.param == "token" else callers.by_session(session_of(alice))


# --- Roles ------------------------------------------------------------------------------------------------------------
ALL_ROLES = ("user", "moderator", "admin")


def _directly(user: User, permission: Permission) -> None:
    user.user_permissions.add(permission)


def _by_a_group(user: User, permission: Permission) -> None:
    group = Group.objects.create(name="any name")
    group.permissions.add(permission)
    user.groups.add(group)


@pytest.mark.parametrize("give", [_directly, _by_a_group])
@pytest.mark.parametrize(
    ("name", "roles"), [(MODERATE, ("user", "moderator")), (ADMINISTER, ALL_ROLES), ("chat_rooms.view_room", ("user",))]
)
def test_permissions_give_roles(
    alice: User, give: Callable[[User, Permission], None], name: str, roles: tuple[str, ...]
) -> None:
    give(alice, find_permission(name))
    assert callers.roles(User.objects.get(pk=alice.pk)) == roles


@pytest.mark.parametrize(
    ("fields", "roles"),
    [
        ({}, ("user",)),
        ({"is_staff": True}, ("user",)),
        ({"is_superuser": True}, ALL_ROLES),
        ({"is_superuser": True, "is_active": False}, ("user",)),
    ],
)
def test_a_superuser_has_all_roles_and_staff_none(fields: dict[str, Any], roles: tuple[str, ...]) -> None:
    assert callers.roles(make_user(**fields)) == roles


@pytest.mark.parametrize("name", ["moderator", "admin"])
def test_the_name_of_a_group_gives_no_role(alice: User, name: str) -> None:
    alice.groups.add(Group.objects.create(name=name))
    assert callers.roles(alice) == ("user",)


@pytest.mark.parametrize("user", [AnonymousUser(), SimpleNamespace(pk=1)])
def test_who_has_no_permissions_at_all_has_no_role(user: Any) -> None:
    assert callers.roles(user) == ("user",)


# --- By token ---------------------------------------------------------------------------------------------------------
def test_a_token_gives_its_user_and_its_end(alice: User, token: str) -> None:
    identity = callers.by_token(token)
    assert (identity.user_id, identity.key) == (alice.pk, str(alice.pk))
    assert (identity.username, identity.roles) == ("alice", ("user",))
    assert identity.expires_at == pytest.approx(time.time() + conf.CHAT_ACCESS_MINUTES * 60, abs=60)


def test_roles_are_todays_and_not_the_tokens(alice: User, token: str) -> None:
    alice.user_permissions.add(find_permission(MODERATE))
    assert callers.by_token(token).roles == ("user", "moderator")


def test_an_expired_token_says_so(token: str) -> None:
    with time_machine.travel(time.time() + conf.CHAT_ACCESS_MINUTES * 60 + 60), pytest.raises(AuthExpired):
        callers.by_token(token)


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}, {"token_epoch": 1}])
def test_a_token_from_before_a_change_is_refused(alice: User, token: str, change: dict[str, Any]) -> None:
    User.objects.filter(pk=alice.pk).update(**change)
    with pytest.raises(AuthRequired):
        callers.by_token(token)


def test_without_a_reader_no_token_is_anybodys(token: str, settings: Any) -> None:
    settings.CHAT_TOKEN_READER = None
    with pytest.raises(AuthRequired, match="not accepted"):
        callers.by_token(token)


def reads_any(token: str) -> callers.Caller:
    """A token reader of a project: its tokens are names and have no end."""
    return callers.Caller(User.objects.get(username=token))


def test_a_projects_own_tokens_are_read_by_its_function(alice: User, settings: Any) -> None:
    settings.CHAT_TOKEN_READER = f"{__name__}.reads_any"
    identity = callers.by_token("alice")
    assert (identity.user_id, identity.username, identity.expires_at) == (alice.pk, "alice", None)
    assert callers.refreshed(identity) == identity


def test_a_proof_is_never_shown(token: str) -> None:
    assert token not in repr(callers.by_token(token))


# --- By session -------------------------------------------------------------------------------------------------------
def test_a_session_gives_its_user(alice: User) -> None:
    identity = callers.by_session(session_of(alice))
    assert identity is not None
    assert (identity.user_id, identity.key) == (alice.pk, str(alice.pk))
    assert (identity.username, identity.roles) == ("alice", ("user",))


@pytest.mark.parametrize("key", ["", "unknown0", "short", "nul\0nul\0nul", "a b c d e f", "../../../etc/x", "x" * 5000])
def test_a_session_key_of_nobody_gives_nobody(key: str) -> None:
    assert callers.by_session(key) is None


def test_a_session_key_that_postgresql_could_not_store_is_not_looked_up(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        callers.by_session("nul\0nul\0nul")


def test_an_anonymous_session_gives_nobody() -> None:
    client = Client()
    session = client.session
    session["language"] = "en"
    session.save()
    assert callers.by_session(str(session.session_key)) is None


def test_an_expired_session_gives_nobody(alice: User) -> None:
    key = session_of(alice)
    with time_machine.travel(time.time() + timedelta(days=30).total_seconds()):
        assert callers.by_session(key) is None


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}, {"token_epoch": 1}])
def test_a_session_from_before_a_change_gives_nobody(alice: User, change: dict[str, Any]) -> None:
    key = session_of(alice)
    User.objects.filter(pk=alice.pk).update(**change)
    assert callers.by_session(key) is None


def test_a_deleted_users_session_gives_nobody(alice: User) -> None:
    key = session_of(alice)
    alice.delete()
    assert callers.by_session(key) is None


def test_a_session_outlives_its_secret_key_while_that_is_a_fallback(alice: User, settings: Any) -> None:
    key, old = session_of(alice), settings.SECRET_KEY
    settings.SECRET_KEY = "the-secret-key-that-replaces-the-one-from-before"
    assert callers.by_session(key) is None
    settings.SECRET_KEY_FALLBACKS = ["another-one", old]
    identity = callers.by_session(key)
    assert identity is not None
    assert callers.refreshed(identity) == identity
    User.objects.filter(pk=alice.pk).update(password="!")
    assert callers.by_session(key) is None


class OtherBackend(ModelBackend):
    """A second way to sign in."""


class RefusingBackend(ModelBackend):
    """One that does not let an active user in any more."""

    def user_can_authenticate(self, user: Any) -> bool:
        return False


def test_a_session_of_a_backend_that_is_not_installed_any_more_is_nobodys(alice: User, settings: Any) -> None:
    model_backend, other = "django.contrib.auth.backends.ModelBackend", f"{__name__}.OtherBackend"
    settings.AUTHENTICATION_BACKENDS = [model_backend, other]
    client = Client()
    client.force_login(alice, backend=other)
    identity = callers.by_session(cookie_of(client))
    assert identity is not None
    settings.AUTHENTICATION_BACKENDS = [model_backend]
    assert callers.by_session(cookie_of(client)) is None
    assert is_signed_out(identity)


def test_the_backend_of_a_session_says_whose_it_is(alice: User, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [refusing := f"{__name__}.RefusingBackend"]
    client = Client()
    client.force_login(alice, backend=refusing)
    assert callers.by_session(cookie_of(client)) is None


@pytest.mark.parametrize("changes", [{SESSION_KEY: "no number"}, {SESSION_KEY: None}, {BACKEND_SESSION_KEY: None}])
def test_a_session_whose_content_is_of_another_kind_gives_nobody(alice: User, changes: dict[str, Any]) -> None:
    client = Client()
    client.force_login(alice)
    session = client.session
    session.update(changes)
    session.save()
    assert callers.by_session(cookie_of(client)) is None


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
    # the session, its end, the user, whether it was ended, the permissions of user and groups, whether they are banned
    with django_assert_num_queries({"db": 7, "cached_db": 6}.get(engine, 5)):
        identity = callers.by_session(cookie_of(client))
    assert identity is not None
    assert identity.user_id == alice.pk
    assert replace(callers.refreshed(identity), expires_at=identity.expires_at) == identity


def test_a_session_ends_when_its_engine_says_or_is_read_again_soon(engine: str, alice: User) -> None:
    identity = callers.by_session(session_of(alice))
    assert identity is not None
    expected_s = settings.SESSION_COOKIE_AGE if engine in {"db", "cached_db"} else 300
    assert identity.expires_at == pytest.approx(time.time() + expected_s, abs=5)


@pytest.mark.parametrize(
    "key", ["unknown0", "nul\0nul\0nul", "../../../etc/passwd", "a" * 4000, "a:b:c:d:e", "x" * 5000]
)
@pytest.mark.filterwarnings("ignore:Cache key")  # Django hands the cookies of pages to its caches in the same way
def test_a_key_of_nobody_gives_nobody_with_every_engine(engine: str, db: None, key: str) -> None:
    assert callers.by_session(key) is None


@pytest.mark.django_db(transaction=True)
def test_whoever_hears_of_a_logout_finds_the_session_ended(
    engine: str, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Client(), Client()
    here.force_login(alice)
    there.force_login(alice)
    identity, other = (callers.by_session(cookie_of(client)) for client in (here, there))
    assert identity is not None
    assert other is not None
    heard: list[bool] = []
    monkeypatch.setattr("rooms.services.publishing.publish", lambda _: heard.append(is_signed_out(identity)))
    here.post("/accounts/sign-out/")
    assert set(heard) == {True}
    assert callers.by_session(identity.proof) is None
    assert not is_signed_out(other)


def test_a_session_that_was_written_again_or_signed_in_again_ends_the_sockets_from_before(
    engine: str, alice: User, settings: Any
) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    client = Client()
    with time_machine.travel(time.time() - 60):
        client.force_login(alice)
        identity = callers.by_session(cookie_of(client))
    assert identity is not None
    client.get("/accounts/register/")
    client.force_login(alice)
    client.post("/accounts/sign-out/")
    assert is_signed_out(identity)


# --- Looking again ----------------------------------------------------------------------------------------------------
def test_looking_again_gives_todays_name_and_roles(alice: User, identity: Identity) -> None:
    alice.username, alice.is_superuser = "alicia", True
    alice.save()
    again = callers.refreshed(identity)
    assert (again.username, again.roles) == ("alicia", ALL_ROLES)
    assert (again.user_id, again.proof, again.expires_at) == (identity.user_id, identity.proof, identity.expires_at)


def test_who_was_deactivated_is_banned(alice: User, identity: Identity) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(Banned):
        callers.refreshed(identity)


@pytest.mark.parametrize("change", [{"password": "!"}, {"token_epoch": 1}])
def test_who_changed_their_password_or_left_everywhere_is_signed_out(
    alice: User, identity: Identity, change: dict[str, Any]
) -> None:
    User.objects.filter(pk=alice.pk).update(**change)
    with pytest.raises(AuthRequired, match=r"Signed out|no longer valid"):
        callers.refreshed(identity)


def test_who_is_deleted_is_signed_out(alice: User, identity: Identity) -> None:
    alice.delete()
    with pytest.raises(AuthRequired, match=r"Signed out|no longer valid"):
        callers.refreshed(identity)


def test_who_signed_out_here_is_signed_out(token: str, identity: Identity) -> None:
    services.sign_out(token=token)
    Session.objects.all().delete()
    with pytest.raises(AuthRequired, match="Signed out"):
        callers.refreshed(identity)


def test_who_signed_out_elsewhere_stays(alice: User, identity: Identity) -> None:
    services.sign_out(token=services.open_sign_in(user=alice).access)
    assert callers.refreshed(identity) == identity


def test_a_token_that_has_expired_meanwhile_says_so(token: str) -> None:
    identity = callers.by_token(token)
    with time_machine.travel(time.time() + conf.CHAT_ACCESS_MINUTES * 60 + 60), pytest.raises(AuthExpired):
        callers.refreshed(identity)


def test_a_session_that_is_another_users_now_ends_the_sockets_from_before(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    identity = callers.by_session(cookie_of(client))
    assert identity is not None
    session = client.session
    other = Client()
    other.force_login(make_user("bob"))
    session.update(other.session.items())
    session.save()
    assert is_signed_out(identity)


def test_a_caller_without_a_proof_is_signed_out(alice: User) -> None:
    with pytest.raises(AuthRequired):
        callers.refreshed(Identity(alice.pk, "alice", ("user",)))
