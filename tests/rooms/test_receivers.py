"""Whatever changes the rights of users is announced after the commit; what changes none is not."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import User
from rooms import people
from rooms.callers import MODERATE, SESSION_ID
from rooms.live import topics
from rooms.models import EndedSession, RightsChange
from rooms.services import publishing
from tests.support.factories import find_permission, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def group(alice: User) -> Group:
    """Of alice and of nobody else."""
    made = Group.objects.create(name="any name")
    made.user_set.add(alice)
    return made


@pytest.fixture
def committed(
    announced: list[list[str]], django_capture_on_commit_callbacks: Any
) -> Callable[[Callable[[], Any]], list[list[str]]]:
    """Makes a change and answers what is announced after its commit; nothing may be announced before."""

    def run(change: Callable[[], Any]) -> list[list[str]]:
        announced.clear()
        with django_capture_on_commit_callbacks(execute=True):
            change()
            assert announced == []
        return list(announced)

    return run


Committed = Callable[[Callable[[], Any]], list[list[str]]]


# --- Users ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        lambda alice: alice.save(),
        lambda alice: User(pk=alice.pk, username="alicia").save(update_fields=["username"]),
        lambda alice: alice.save(update_fields=["last_login", "is_active"]),
        lambda alice: alice.delete(),
        lambda alice: User.objects.filter(pk=alice.pk).delete(),
    ],
    ids=["saved", "one field", "two fields", "deleted", "deleted by a query"],
)
def test_a_user_who_is_changed_is_announced(alice: User, committed: Committed, change: Callable[[User], Any]) -> None:
    key = str(alice.pk)
    assert committed(lambda: change(alice)) == [[key]]
    assert [note.user_key for note in RightsChange.objects.all()] == [key]


def test_a_new_user_and_a_sign_in_change_nobodys_rights(alice: User, committed: Committed) -> None:
    assert committed(make_user) == []
    assert committed(lambda: alice.save(update_fields=["last_login"])) == []
    assert committed(lambda: Client().force_login(alice)) == []


# --- Groups and permissions -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        lambda alice, group: group.user_set.remove(alice),
        lambda alice, group: alice.groups.remove(group),
        lambda alice, group: group.user_set.clear(),
        lambda alice, group: alice.groups.clear(),
        lambda alice, group: alice.groups.add(Group.objects.create(name="another")),
        lambda alice, group: Group.objects.create(name="another").user_set.add(alice),
        lambda alice, group: alice.groups.set([Group.objects.create(name="another"), group]),
        lambda alice, group: group.delete(),
        lambda alice, group: Group.objects.filter(pk=group.pk).delete(),
    ],
    ids=[
        "removed", "removed from her side", "cleared", "cleared from her side", "added from her side", "added",
        "set from her side", "deleted", "deleted by a query",
    ],
)  # fmt: skip
def test_whose_groups_change_is_announced(
    alice: User, group: Group, committed: Committed, change: Callable[[User, Group], Any]
) -> None:
    make_user("bob")
    assert committed(lambda: change(alice, group)) == [[str(alice.pk)]]


@pytest.mark.parametrize(
    "change",
    [
        lambda group, given, other: group.permissions.add(other),
        lambda group, given, other: group.permissions.remove(given),
        lambda group, given, other: group.permissions.clear(),
        lambda group, given, other: group.permissions.set([given, other]),
        lambda group, given, other: other.group_set.add(group),
        lambda group, given, other: given.group_set.remove(group),
    ],
    ids=["given", "taken", "cleared", "set", "given from its side", "taken from its side"],
)
def test_the_members_of_a_group_whose_permissions_change_are_announced_at_once(
    alice: User, group: Group, committed: Committed, change: Callable[..., Any]
) -> None:
    bob, given, other = make_user("bob"), find_permission(MODERATE), find_permission("chat_rooms.view_room")
    make_user("carol")
    group.user_set.add(bob)
    group.permissions.add(given)
    both = sorted([str(alice.pk), str(bob.pk)])
    announcements = committed(lambda: change(group, given, other))
    assert announcements
    assert all(keys == both for keys in announcements)


@pytest.mark.parametrize(
    "take",
    [lambda permission: permission.group_set.clear(), lambda permission: permission.delete()],
    ids=["cleared", "deleted"],
)
def test_the_members_of_all_groups_that_lose_a_permission_are_announced(
    alice: User, group: Group, committed: Committed, take: Callable[[Any], Any]
) -> None:
    permission = find_permission(MODERATE)
    group.permissions.add(permission)
    assert [str(alice.pk)] in committed(lambda: take(permission))


@pytest.mark.parametrize(
    "change",
    [
        lambda alice, given, other: alice.user_permissions.add(other),
        lambda alice, given, other: alice.user_permissions.remove(given),
        lambda alice, given, other: alice.user_permissions.clear(),
        lambda alice, given, other: alice.user_permissions.set([other, given]),
        lambda alice, given, other: other.user_set.add(alice),
        lambda alice, given, other: given.user_set.remove(alice),
        lambda alice, given, other: given.user_set.clear(),
        lambda alice, given, other: given.delete(),
    ],
    ids=["given", "taken", "cleared", "set", "given from its side", "taken from its side", "all", "deleted"],
)
def test_whose_own_permissions_change_is_announced(
    alice: User, committed: Committed, change: Callable[..., Any]
) -> None:
    given, other = find_permission(MODERATE), find_permission("chat_rooms.view_room")
    make_user("bob")
    alice.user_permissions.add(given)
    assert committed(lambda: change(alice, given, other)) == [[str(alice.pk)]]


def test_what_gives_and_takes_nothing_is_not_announced(alice: User, group: Group, committed: Committed) -> None:
    empty = Group.objects.create(name="nobody's")
    permission = find_permission(MODERATE)
    assert committed(lambda: Group.objects.create(name="admin")) == []
    assert committed(lambda: empty.permissions.add(permission)) == []
    assert committed(lambda: permission.group_set.remove(empty)) == []
    assert committed(empty.user_set.clear) == []
    assert committed(empty.delete) == []
    assert committed(lambda: alice.groups.set([group])) == []


def test_all_whom_one_change_of_a_group_concerns_are_announced_at_once_in_few_statements(
    announced: list[list[str]], django_assert_num_queries: Any, django_capture_on_commit_callbacks: Any
) -> None:
    users, group = services.load_test_users(count=50), Group.objects.create(name="any name")
    permission = find_permission(MODERATE)
    keys = sorted(str(user.pk) for user in users)
    changes: list[tuple[int, Callable[[], Any]]] = [
        (4, lambda: group.user_set.set(users)),  # Django's own three, the note
        (4, lambda: group.permissions.add(permission)),  # Django's own two, who is in it, the note
        (5, group.delete),  # who is in it, the note, and Django's own three
    ]
    for statements, change in changes:
        with django_capture_on_commit_callbacks(execute=True), django_assert_num_queries(statements):
            change()
        assert announced == [keys]
        announced.clear()


def test_a_change_that_is_rolled_back_is_not_announced(alice: User, committed: Committed) -> None:
    def change() -> None:
        with transaction.atomic():
            alice.save()
            transaction.set_rollback(True)

    assert committed(change) == []
    assert not RightsChange.objects.exists()


# --- Sessions ---------------------------------------------------------------------------------------------------------
def test_a_logout_is_announced_and_its_session_has_ended(alice: User, committed: Committed) -> None:
    client = Client()
    client.force_login(alice)
    session_id = client.session[SESSION_ID]
    assert set(map(tuple, committed(client.logout))) == {(str(alice.pk),)}
    assert [str(ended.pk).replace("-", "") for ended in EndedSession.objects.all()] == [session_id]


def test_a_session_that_is_deleted_is_announced(alice: User, committed: Committed) -> None:
    client = Client()
    client.force_login(alice)
    assert committed(lambda: Session.objects.all().delete()) == [[str(alice.pk)]]


def test_a_session_of_nobody_is_deleted_in_silence(committed: Committed) -> None:
    session = Client().session
    session["language"] = "en"
    session.save()
    assert Session.objects.exists()
    assert committed(lambda: Session.objects.all().delete()) == []


def test_every_sign_in_has_an_id_of_its_own_that_stays_with_the_session(alice: User) -> None:
    here, there = Client(), Client()
    for client in (here, there):
        client.force_login(alice)
    first = here.session[SESSION_ID]
    here.force_login(alice)
    assert here.session[SESSION_ID] == first
    assert there.session[SESSION_ID] != first


def test_another_way_to_sign_in_or_out_needs_no_session(alice: User) -> None:
    request = HttpRequest()
    request.session = SessionStore()
    user_logged_in.send(sender=User, request=None, user=alice)
    user_logged_in.send(sender=User, request=request, user=alice)
    user_logged_out.send(sender=User, request=None, user=alice)
    user_logged_out.send(sender=User, request=request, user=None)
    assert not request.session.keys()
    assert not EndedSession.objects.exists()


def test_a_logout_of_something_else_than_a_user_is_nobodys(committed: Committed) -> None:
    stranger = SimpleNamespace(pk=1)
    assert committed(lambda: user_logged_out.send(sender=User, request=None, user=stranger)) == []


def test_what_was_noted_of_ended_sessions_goes_when_their_cookies_have_expired(alice: User) -> None:
    client = Client()
    with time_machine.travel(time.time() - timedelta(days=30).total_seconds()):
        client.force_login(alice)
        client.logout()
    assert EndedSession.objects.count() == 1
    client.force_login(alice)
    client.logout()
    assert EndedSession.objects.get().until > timezone.now()


# --- Names ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any) -> Callable[..., list[Any]]:
    """Makes a change and answers the frames that everybody is sent after its commit."""
    frames: list[Any] = []

    def record(events: list[Any]) -> None:
        frames.extend(json.loads(event.payload) for event in events if event.topic == topics.EVERYONE)

    monkeypatch.setattr(publishing, "publish", record)

    def run(change: Callable[[], Any]) -> list[Any]:
        frames.clear()
        with django_capture_on_commit_callbacks(execute=True):
            change()
            assert frames == []
        return list(frames)

    return run


def full_name(user: User) -> str:
    return user.first_name


def save(user: User, *fields: str, **values: Any) -> None:
    for name, value in values.items():
        setattr(user, name, value)
    user.save(update_fields=fields or None)


@pytest.mark.parametrize("fields", [(), ("username",)])
def test_everybody_learns_a_new_name(alice: User, sent: Callable[..., list[Any]], fields: tuple[str, ...]) -> None:
    assert sent(lambda: save(alice, *fields, username="alicia")) == [
        {"type": "user-updated", "user": {"id": str(alice.pk), "username": "alicia"}}
    ]


def test_a_saved_user_with_the_same_name_is_no_news(alice: User, sent: Callable[..., list[Any]]) -> None:
    assert sent(lambda: save(alice, email="alice@example.com")) == []
    assert sent(lambda: save(alice, "password", username="not saved")) == []
    assert sent(lambda: make_user("dora")) == []


def test_a_new_name_that_is_rolled_back_is_no_news(alice: User, sent: Callable[..., list[Any]]) -> None:
    def rename() -> None:
        with suppress(RuntimeError), transaction.atomic():
            save(alice, username="alicia")
            raise RuntimeError

    assert sent(rename) == []


def test_a_name_of_the_projects_function_is_compared(
    alice: User, sent: Callable[..., list[Any]], settings: Any
) -> None:
    settings.CHAT_DISPLAY_NAME = f"{__name__}.full_name"
    [frame] = sent(lambda: save(alice, "first_name", first_name="Alicia"))
    assert frame["user"]["username"] == "Alicia"
    assert sent(lambda: save(alice, "last_login", last_login=timezone.now())) == []


def test_a_display_name_that_fails_does_not_stop_a_save(
    alice: User, sent: Callable[..., list[Any]], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "shown", lambda _: 1 / 0)
    assert sent(lambda: save(alice, username="alicia")) == []
    assert User.objects.get().username == "alicia"


def test_everybody_learns_that_a_user_is_no_more(alice: User, sent: Callable[..., list[Any]]) -> None:
    key = str(alice.pk)
    assert sent(alice.delete) == [
        {"type": "user-updated", "user": {"id": key, "username": "deleted user"}, "deleted": True}
    ]
