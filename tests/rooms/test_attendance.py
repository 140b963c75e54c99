"""Signing in, entering and leaving: who is counted where, who is told, and that nothing passes a joiner by."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from threading import Event as ThreadEvent
from time import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from accounts.authentication import Identity
from accounts.models import User
from chatsite import database
from chatsite.errors import Forbidden, NotInRoom, Unavailable
from rooms import attendance, services
from rooms.delivery.bus import EVERYONE
from rooms.delivery.connection import Connection
from rooms.models import Membership, Room
from rooms.node import Node
from tests.support.factories import make_room
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


class Client:
    """One connection, and the frames that came out of it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.frames: list[dict[str, Any]] = []
        self.close: tuple[int, str] | None = None
        self.connection = Connection(self._send, limit_bytes=0, on_cut=lambda: None)

    async def _send(self, event: dict[str, Any]) -> None:
        if event["type"] == "websocket.close":
            self.close = (event["code"], event["reason"])
        else:
            self.frames.append(json.loads(event["text"]))

    def got(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    async def sign_in(self, user: User, **fields: Any) -> None:
        identity = Identity(user.pk, user.username, ("user",), user.stamp(), **fields)
        await attendance.sign_in(self.node, self.connection, identity)

    async def join(self, name: str, after: int | None = None) -> tuple[Room, int, services.Snapshot]:
        room, count, snapshot = await attendance.join(self.node, self.connection, name, after)
        attendance.admit(self.node, self.connection, room, snapshot)
        return room, count, snapshot

    async def leave(self, name: str) -> None:
        await attendance.leave(self.node, self.connection, name)

    async def forget(self) -> None:
        await attendance.forget(self.node, self.connection)


@pytest.fixture
async def node(settings: LazySettings) -> AsyncIterator[Node]:
    settings.CHAT_LEAVE_DELAY_S = 0
    node = Node(attendance.check)
    node.start()
    yield node
    await node.stop()


@pytest.fixture
async def alice(node: Node, people: SimpleNamespace) -> Client:
    client = Client(node)
    await client.sign_in(people.alice)
    return client


@pytest.fixture
async def bob(node: Node, people: SimpleNamespace) -> Client:
    client = Client(node)
    await client.sign_in(people.bob)
    return client


@pytest.fixture
def hall(db: None) -> Room:
    return make_room("hall")


async def nobody_is_left(node: Node) -> bool:
    return not await node.presence.online() and not await node.presence.rooms() and not node.hub.topics()


# --- Signing in -------------------------------------------------------------------------------------------------------
async def test_who_signs_in_is_online_once_and_hears_what_everybody_hears(node: Node, people: SimpleNamespace) -> None:
    sockets = [Client(node), Client(node)]
    for socket in sockets:
        await socket.sign_in(people.alice)
    [online] = await node.presence.online()
    assert (online.user_id, online.username) == (people.alice.pk, "alice")
    assert EVERYONE in node.hub
    for left, socket in zip((1, 0), sockets, strict=True):
        await socket.forget()
        await eventually(lambda left=left: len(node.presence.people) == left)  # type: ignore[attr-defined]
    assert await nobody_is_left(node)


async def test_a_new_token_replaces_the_old_one_in_place(node: Node, people: SimpleNamespace, alice: Client) -> None:
    await alice.sign_in(people.alice, expires_at=time() + 3600)
    assert alice.connection.timer is not None
    await alice.sign_in(people.alice)
    assert alice.connection.timer is None, "the new one has no end"
    await alice.forget()
    await eventually(lambda: not node.presence.people, what="counted once")  # type: ignore[attr-defined]


async def test_a_connection_cannot_change_its_user(people: SimpleNamespace, alice: Client) -> None:
    with pytest.raises(Forbidden):
        await alice.sign_in(people.bob)
    assert alice.connection.identity.username == "alice"


async def test_a_token_that_ends_is_announced_and_then_closes(people: SimpleNamespace, alice: Client) -> None:
    await alice.sign_in(people.alice, expires_at=time() + 0.05)
    await eventually(lambda: alice.close)
    [warning] = alice.got("auth-expiring")
    assert 0 <= warning["inMs"] <= 50
    assert alice.close == (4100, "Token expired")
    alice.connection.ended()


# --- Entering and leaving ---------------------------------------------------------------------------------------------
async def test_the_others_are_told_and_the_joiner_is_not(hall: Room, alice: Client, bob: Client) -> None:
    assert (await alice.join("hall"))[:2] == (hall, 1)
    assert (await bob.join("hall"))[1] == 2
    assert [frame["user"]["username"] for frame in alice.got("user-joined")] == ["bob"]
    assert bob.got("user-joined") == []
    await bob.leave("hall")
    assert [frame["user"]["username"] for frame in alice.got("user-left")] == ["bob"]
    assert bob.got("user-left") == []
    with pytest.raises(NotInRoom):
        await bob.leave("hall")


async def test_a_second_socket_of_somebody_is_no_news(
    node: Node, people: SimpleNamespace, hall: Room, alice: Client, bob: Client
) -> None:
    second = Client(node)
    await second.sign_in(people.bob)
    await alice.join("hall")
    assert [(await client.join("hall"))[1] for client in (bob, second)] == [2, 2]
    assert len(alice.got("user-joined")) == 1
    await bob.leave("hall")
    assert alice.got("user-left") == []
    await second.leave("hall")
    assert len(alice.got("user-left")) == 1


async def test_joining_again_counts_nobody_twice(node: Node, hall: Room, alice: Client, bob: Client) -> None:
    await alice.join("hall")
    await bob.join("hall")
    assert (await bob.join("hall"))[1] == 2
    await bob.leave("hall")
    assert await node.presence.counts([hall.pk]) == {hall.pk: 1}
    assert len(alice.got("user-joined")) == len(alice.got("user-left")) == 1


async def test_one_connection_is_in_so_many_rooms_at_most(alice: Client, settings: LazySettings) -> None:
    settings.CHAT_MAX_ROOMS_PER_CONNECTION = 2
    for name in ("one", "two", "one"):
        await alice.join(name)
    with pytest.raises(Forbidden):
        await alice.join("three")
    await alice.leave("one")
    await alice.join("three")


async def test_what_is_said_between_snapshot_and_admission_is_not_lost(
    node: Node, people: SimpleNamespace, hall: Room, alice: Client, bob: Client
) -> None:
    await bob.join("hall")
    room, _, snapshot = await attendance.join(node, alice.connection, "hall")
    await database.call(services.post_message, room_id=hall.pk, author_id=people.bob.pk, content="hi")
    await eventually(lambda: bob.got("chat-message"))
    assert alice.got("chat-message") == []
    attendance.admit(node, alice.connection, room, snapshot)
    assert [frame["seq"] for frame in alice.got("chat-message")] == [1]


async def test_who_read_before_the_first_one_was_admitted_reads_again(
    people: SimpleNamespace, hall: Room, alice: Client, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both enter an empty room; bob reads first, then a message comes, then alice reads and is admitted."""
    read, go_on = ThreadEvent(), ThreadEvent()
    snapshot = services.snapshot

    def slow_snapshot(**fields: Any) -> services.Snapshot | None:
        found = snapshot(**fields)
        read.set()
        assert go_on.wait(10)
        return found

    monkeypatch.setattr(services, "snapshot", slow_snapshot)
    joining = asyncio.ensure_future(bob.join("hall"))
    await eventually(read.is_set)
    monkeypatch.setattr(services, "snapshot", snapshot)
    await database.call(services.post_message, room_id=hall.pk, author_id=people.carol.pk, content="hi")
    await alice.join("hall", after=0)  # who resumes after another seq shares no reading with bob
    go_on.set()
    _, _, shown = await joining
    assert [message["content"] for message in json.loads(shown.history.payload)["messages"]] == ["hi"]


async def test_who_come_while_somebody_reads_share_the_next_reading(
    node: Node, people: SimpleNamespace, hall: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are counted in before it: the reading writes down for all of them that somebody has entered."""
    clients = [Client(node) for _ in range(3)]
    for client, user in zip(clients, (people.alice, people.bob, people.carol), strict=True):
        await client.sign_in(user)
    seated, go_on, snapshot = [], ThreadEvent(), services.snapshot

    def slow_snapshot(**fields: Any) -> services.Snapshot | None:
        seated.append(len(node.presence.places[hall.pk]))  # type: ignore[attr-defined]
        assert go_on.wait(10)
        return snapshot(**fields)

    monkeypatch.setattr(services, "snapshot", slow_snapshot)
    joins = [asyncio.ensure_future(clients[0].join("hall"))]
    await eventually(lambda: seated)
    joins += [asyncio.ensure_future(client.join("hall")) for client in clients[1:]]
    await eventually(lambda: len(node.presence.places[hall.pk]) == 3)  # type: ignore[attr-defined]
    go_on.set()
    shown = [snapshot for _, _, snapshot in await asyncio.gather(*joins)]
    assert seated == [1, 3]
    assert shown[1] is shown[2]


async def test_an_entry_that_fails_leaves_no_trace(
    node: Node, hall: Room, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(services, "snapshot", fail)
    with pytest.raises(Unavailable):
        await alice.join("hall")
    assert alice.connection.rooms == {}
    assert await node.presence.counts([hall.pk]) == {hall.pk: 0}
    assert services.topic(hall.pk) not in node.hub


# --- Rooms made by joining --------------------------------------------------------------------------------------------
async def rooms_named(name: str) -> int:
    return await database.call(Room.objects.filter(name=name).count)


async def test_a_room_made_by_joining_disappears_with_the_last_one(alice: Client, bob: Client) -> None:
    await alice.join("visit")
    await bob.join("visit")
    await alice.leave("visit")
    assert await rooms_named("visit") == 1
    await bob.leave("visit")
    assert await rooms_named("visit") == 0


async def test_a_room_in_which_something_was_said_stays(people: SimpleNamespace, alice: Client) -> None:
    room, _, _ = await alice.join("visit")
    await database.call(services.post_message, room_id=room.pk, author_id=people.alice.pk, content="hi")
    await alice.leave("visit")
    assert await rooms_named("visit") == 1


async def test_a_room_with_people_on_another_process_stays(
    node: Node, people: SimpleNamespace, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, _, _ = await alice.join("visit")
    leave = node.presence.leave

    async def somebody_enters_elsewhere(room_id: int, user_id: int) -> Any:
        change = await leave(room_id, user_id)
        await node.presence.enter(room_id, people.bob.pk)
        return change

    monkeypatch.setattr(node.presence, "leave", somebody_enters_elsewhere)
    await alice.leave("visit")
    assert await rooms_named("visit") == 1
    assert (await node.presence.counts([room.pk]))[room.pk] == 1


async def test_a_room_that_disappears_while_it_is_entered_is_made_again(
    node: Node, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, removed = services.snapshot, []

    def remove_first(room: Room, **fields: Any) -> services.Snapshot | None:
        if not removed:
            removed.append(room.pk)
            Room.objects.filter(pk=room.pk).delete()
        return snapshot(room=room, **fields)

    monkeypatch.setattr(services, "snapshot", remove_first)
    room, count, _ = await alice.join("visit")
    assert room.pk not in removed
    assert (count, await node.presence.counts([*removed, room.pk])) == (1, {removed[0]: 0, room.pk: 1})


async def test_a_room_that_keeps_disappearing_is_given_up(
    node: Node, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "snapshot", lambda **_: None)
    with pytest.raises(Unavailable):
        await alice.join("visit")
    assert alice.connection.rooms == {}
    assert await node.presence.rooms() == {}


# --- The connection is gone -------------------------------------------------------------------------------------------
async def test_who_is_gone_has_left_every_room(node: Node, hall: Room, alice: Client, bob: Client) -> None:
    await alice.join("hall")
    for name in ("hall", "visit"):
        await bob.join(name)
    await bob.forget()
    await eventually(lambda: alice.got("user-left"))
    await eventually(lambda: bob.connection.identity.user_id not in node.presence.people)  # type: ignore[attr-defined]
    assert await rooms_named("visit") == 0
    await alice.forget()
    await eventually(lambda: not node.presence.people)  # type: ignore[attr-defined]
    assert await nobody_is_left(node)


async def test_a_page_that_is_reloaded_has_not_left(
    people: SimpleNamespace, hall: Room, alice: Client, bob: Client, settings: LazySettings
) -> None:
    settings.CHAT_LEAVE_DELAY_S = 0.05
    await alice.join("hall")
    await bob.join("hall")
    await bob.forget()
    again = Client(bob.node)
    await again.sign_in(people.bob)
    await again.join("hall")
    await eventually(lambda: bob.node.presence.places[hall.pk][people.bob.pk] == 1)  # type: ignore[attr-defined]
    assert alice.got("user-left") == []
    assert len(alice.got("user-joined")) == 1


async def test_who_is_cut_while_entering_is_gone_all_the_same(
    node: Node, hall: Room, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    entering = asyncio.Event()

    async def hang(_: str) -> None:
        entering.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(node.bus, "sync_subscription", hang)
        joining = asyncio.ensure_future(alice.join("hall"))
        await entering.wait()
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
    await alice.forget()
    await eventually(lambda: not node.presence.people)  # type: ignore[attr-defined]
    assert await nobody_is_left(node)


# --- Rights that change -----------------------------------------------------------------------------------------------
async def check(node: Node, client: Client) -> None:
    await attendance.check(node, client.connection)


async def test_nothing_changed_changes_nothing(node: Node, hall: Room, alice: Client) -> None:
    await alice.join("hall")
    await check(node, alice)
    assert (alice.close, alice.frames, list(alice.connection.rooms)) == (None, [], ["hall"])


async def test_an_open_connection_gets_todays_roles(node: Node, people: SimpleNamespace, alice: Client) -> None:
    await database.call(lambda: User.objects.filter(pk=people.alice.pk).update(is_superuser=True))
    await check(node, alice)
    assert "admin" in alice.connection.identity.roles


@pytest.mark.parametrize(
    ("changes", "close"),
    [({"is_active": False}, (4102, "Banned")), ({"token_epoch": 1}, (4101, "Signed out"))],
)
async def test_who_may_be_here_no_more_is_closed(
    node: Node, people: SimpleNamespace, alice: Client, changes: dict[str, Any], close: tuple[int, str]
) -> None:
    await database.call(lambda: User.objects.filter(pk=people.alice.pk).update(**changes))
    await check(node, alice)
    await eventually(lambda: alice.close)
    assert alice.close == close
    alice.connection.ended()


async def test_who_is_banned_from_a_room_leaves_it_and_stays_connected(
    node: Node, people: SimpleNamespace, hall: Room, alice: Client, bob: Client
) -> None:
    for name in ("hall", "visit"):
        await bob.join(name)
    await alice.join("hall")
    until = timezone.now() + timedelta(hours=1)
    await database.call(Membership.objects.create, room=hall, user=people.bob, banned_until=until)
    await check(node, bob)
    assert [(frame["type"], frame.get("code"), frame.get("roomId")) for frame in bob.frames[-2:]] == [
        ("error", "banned", None),
        ("room-left", None, "hall"),
    ]
    assert (list(bob.connection.rooms), bob.close) == (["visit"], None)
    assert len(alice.got("user-left")) == 1


async def test_a_database_that_is_away_closes_nobody(
    node: Node, people: SimpleNamespace, hall: Room, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed, away = attendance.authentication.refreshed, [Unavailable, Unavailable]

    def fail_first(identity: Identity) -> Identity:
        if away:
            raise away.pop()
        return refreshed(identity)

    await alice.join("hall")
    monkeypatch.setattr(attendance.authentication, "refreshed", fail_first)
    monkeypatch.setattr(attendance, "CHECK_AGAIN_S", 0.01)
    await database.call(lambda: User.objects.filter(pk=people.alice.pk).update(is_superuser=True))
    await check(node, alice)
    assert (alice.close, list(alice.connection.rooms)) == (None, ["hall"])
    assert "admin" in alice.connection.identity.roles


async def test_the_newer_of_two_checks_counts_even_when_it_ends_last(
    node: Node, people: SimpleNamespace, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed, has_read = attendance.authentication.refreshed, asyncio.Semaphore(0)
    gates, loop = [ThreadEvent(), ThreadEvent()], asyncio.get_running_loop()
    waiting = iter(gates)

    def held_up(identity: Identity) -> Identity:
        today = refreshed(identity)
        loop.call_soon_threadsafe(has_read.release)
        if gate := next(waiting, None):
            gate.wait(5)
        return today

    monkeypatch.setattr(attendance.authentication, "refreshed", held_up)
    checks = []
    for _ in gates:
        checks.append(asyncio.ensure_future(check(node, alice)))
        await has_read.acquire()
        await database.call(lambda: User.objects.filter(pk=people.alice.pk).update(is_superuser=True))
    for gate, done in zip(gates, checks, strict=True):
        gate.set()
        await done
    assert "admin" in alice.connection.identity.roles
