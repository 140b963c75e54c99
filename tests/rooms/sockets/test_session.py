"""Who is on a connection: signing in, expiry, and what a re-check does when rights have changed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Event as ThreadEvent
from time import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from accounts import tokens
from accounts.models import User
from rooms import callers, database
from rooms.callers import Identity
from rooms.conf import conf
from rooms.errors import Forbidden, Unavailable
from rooms.live import control, topics
from rooms.live.control import UsersChanged
from rooms.live.node import Node
from rooms.models import Room
from rooms.services import moderation
from rooms.services.rooms import remove_room
from rooms.sockets import session
from tests.support.connections import Client, identity_of
from tests.support.factories import make_room
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


# --- Signing in -------------------------------------------------------------------------------------------------------
async def test_a_user_is_online_once_and_hears_what_everybody_hears(node: Node, people: SimpleNamespace) -> None:
    sockets = [Client(node), Client(node)]
    for socket in sockets:
        await socket.sign_in(people.alice)
    [online] = await node.presence.online()
    assert (online.user_id, online.username) == (str(people.alice.pk), "alice")
    assert topics.EVERYONE in node.hub
    for left, socket in zip((1, 0), sockets, strict=True):
        await socket.disconnect()
        await eventually(lambda left=left: len(node.presence.people) == left)  # type: ignore[attr-defined]
    assert topics.EVERYONE not in node.hub


async def test_a_good_token_is_answered_with_its_user(node: Node, people: SimpleNamespace) -> None:
    client, admin = Client(node), people.admin
    token = tokens.issue_access(user_id=admin.pk, username="admin", roles=("user",), stamp=admin.stamp())
    await session.authenticate(node, client.connection, token, "7")
    [answer] = client.frames
    assert (answer["type"], answer["id"], answer["user"]["username"]) == ("auth-success", "7", "admin")
    assert "admin" in answer["user"]["roles"], "today's roles, not the token's"
    client.connection.ended()


async def test_a_bad_token_is_answered_with_the_reason_and_a_close(node: Node) -> None:
    client = Client(node)
    await session.authenticate(node, client.connection, "no token", "7")
    await eventually(lambda: client.close)
    [answer] = client.frames
    assert (answer["type"], answer["id"], "code" in answer) == ("auth-failed", "7", False)
    assert client.close == (1008, "Authentication failed")
    client.connection.ended()


async def test_a_session_that_is_nobodys_signs_nobody_in(node: Node) -> None:
    client = Client(node)
    await session.sign_in_by(node, client.connection, lambda _: None, "key")
    assert (client.frames, client.connection.identity) == ([], None)


async def test_a_new_token_replaces_the_old_one_in_place(node: Node, people: SimpleNamespace, alice: Client) -> None:
    await alice.sign_in(people.alice, expires_at=time() + 3600)
    assert alice.connection.timer is not None
    await alice.sign_in(people.alice)
    assert alice.connection.timer is None, "the new one has no end"
    await alice.disconnect()
    await eventually(lambda: not node.presence.people, what="counted once")  # type: ignore[attr-defined]


async def test_a_connection_cannot_change_its_user(people: SimpleNamespace, alice: Client) -> None:
    with pytest.raises(Forbidden):
        await alice.sign_in(people.bob)
    assert alice.connection.identity.username == "alice"


async def test_an_expiring_token_is_announced_and_then_closes(people: SimpleNamespace, alice: Client) -> None:
    await alice.sign_in(people.alice, expires_at=time() + 0.05)
    await eventually(lambda: alice.close)
    [warning] = alice.got("auth-expiring")
    assert 0 <= warning["inMs"] <= 50
    assert alice.close == (4100, "Token expired")
    alice.connection.ended()


async def test_a_user_deactivated_while_their_token_is_read_is_closed(node: Node, people: SimpleNamespace) -> None:
    client = Client(node)

    def read(_token: str) -> Identity:
        alice = people.alice
        identity = identity_of(alice)
        User.objects.filter(pk=alice.pk).update(is_active=False)  # the moment after
        node.loop.call_soon_threadsafe(node.on_control, control.event(UsersChanged([str(alice.pk)])).payload)
        return identity

    await session.sign_in_by(node, client.connection, read, "token")
    await eventually(lambda: client.close)
    assert client.close == (4102, "Banned")
    client.connection.ended()


# --- Re-checks --------------------------------------------------------------------------------------------------------
async def test_a_recheck_without_changes_changes_nothing(hall: Room, alice: Client) -> None:
    await alice.join("hall")
    await alice.recheck()
    assert (alice.close, alice.frames, list(alice.connection.rooms)) == (None, [], ["hall"])


async def test_an_open_connection_gets_todays_roles(people: SimpleNamespace, alice: Client) -> None:
    await database.call(lambda: User.objects.filter(pk=people.alice.pk).update(is_superuser=True))
    await alice.recheck()
    assert "admin" in alice.connection.identity.roles


@pytest.mark.parametrize(
    ("changes", "close"),
    [({"is_active": False}, (4102, "Banned")), ({"token_epoch": 1}, (4101, "Signed out"))],
)
async def test_a_user_without_access_is_closed(
    people: SimpleNamespace, alice: Client, changes: dict[str, Any], close: tuple[int, str]
) -> None:
    await database.call(lambda: User.objects.filter(pk=people.alice.pk).update(**changes))
    await alice.recheck()
    await eventually(lambda: alice.close)
    assert alice.close == close
    alice.connection.ended()


async def test_a_member_banned_from_a_room_leaves_it_and_stays_connected(
    people: SimpleNamespace, hall: Room, alice: Client, bob: Client
) -> None:
    for name in ("hall", "visit"):
        await bob.join(name)
    await alice.join("hall")
    until = timezone.now() + timedelta(hours=1)
    await database.call(moderation.ban, room_id=hall.pk, user_id=people.bob.pk, until=until)
    await eventually(lambda: bob.got("room-left"))
    assert [(frame["type"], frame.get("code"), frame.get("roomId")) for frame in bob.frames[-2:]] == [
        ("error", "banned", None),
        ("room-left", None, "hall"),
    ]
    assert (list(bob.connection.rooms), bob.close) == (["visit"], None)
    await eventually(lambda: len(alice.got("user-left")) == 1)


@pytest.mark.parametrize(
    "remove", [lambda room: remove_room(room_id=room.pk), lambda room: room.delete()], ids=["removed", "no row"]
)
@pytest.mark.parametrize("made_again", [False, True])
async def test_members_leave_a_room_that_is_gone(
    node: Node, hall: Room, alice: Client, remove: Callable[[Room], Any], made_again: bool
) -> None:
    await alice.join("hall")
    key = hall.pk
    await database.call(remove, hall)
    if made_again:
        await database.call(make_room, "hall")
    await node.repair.sweep([alice.connection])
    await eventually(lambda: alice.got("room-left"))
    assert [(frame["type"], frame.get("code"), frame.get("roomId")) for frame in alice.frames] == [
        ("error", "no-such-room", None),
        ("room-left", None, "hall"),
    ]
    assert topics.of_room(key) not in node.hub
    assert await node.presence.counts([key]) == {key: 0}


async def test_a_database_that_is_away_closes_nobody(
    people: SimpleNamespace, hall: Room, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed, away = callers.refreshed, [Unavailable, Unavailable]

    def fail_first(identity: Identity) -> Identity:
        if away:
            raise away.pop()
        return refreshed(identity)

    await alice.join("hall")
    monkeypatch.setattr(callers, "refreshed", fail_first)
    monkeypatch.setattr(session, "RECHECK_RETRY_S", 0.01)
    await database.call(lambda: User.objects.filter(pk=people.alice.pk).update(is_superuser=True))
    await alice.recheck()
    assert (alice.close, list(alice.connection.rooms)) == (None, ["hall"])
    assert "admin" in alice.connection.identity.roles


async def test_the_newer_of_two_rechecks_counts_even_when_it_ends_last(
    people: SimpleNamespace, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed, has_read = callers.refreshed, asyncio.Semaphore(0)
    gates, loop = [ThreadEvent(), ThreadEvent()], asyncio.get_running_loop()
    waiting = iter(gates)

    def held_up(identity: Identity) -> Identity:
        today = refreshed(identity)
        loop.call_soon_threadsafe(has_read.release)
        if gate := next(waiting, None):
            gate.wait(5)
        return today

    monkeypatch.setattr(callers, "refreshed", held_up)
    rechecks = []
    for _ in gates:
        rechecks.append(asyncio.ensure_future(alice.recheck()))
        await has_read.acquire()
        await database.call(lambda: User.objects.filter(pk=people.alice.pk).update(is_superuser=True))
    for gate, done in zip(gates, rechecks, strict=True):
        gate.set()
        await done
    assert "admin" in alice.connection.identity.roles


async def test_who_the_projects_hook_lets_in_no_more_leaves_that_room_alone(
    hall: Room, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: set[str] = set()
    monkeypatch.setitem(vars(conf), "CHAT_CAN_JOIN", lambda _user, room: room.name not in refused)
    for name in ("hall", "visit"):
        await alice.join(name)
    refused.add("hall")
    await alice.recheck()
    assert [(frame["type"], frame.get("code")) for frame in alice.frames[-2:]] == [
        ("error", "forbidden"),
        ("room-left", None),
    ]
    assert (list(alice.connection.rooms), alice.close) == (["visit"], None)
