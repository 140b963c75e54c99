"""One process's part of the chat: it stores and broadcasts, and stops in order."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from rooms import database
from rooms.errors import Banned, Unavailable
from rooms.live import member_counts, topics
from rooms.live import node as node_module
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.live.presence import Departure, Online
from rooms.live.redis_presence import RedisPresence
from rooms.models import Message, Room
from rooms.services import moderation, rights, rooms
from rooms.storage import NewMessage
from tests.support.connections import identity_of
from tests.support.factories import make_access, make_message, make_room
from tests.support.machine import eventually
from tests.support.services import Redis

pytestmark = pytest.mark.django_db(transaction=True)
ALICE = Online("1", "alice", datetime(2026, 1, 2, tzinfo=UTC), "::1")


class Rechecks:
    """Stands for the re-check of rights: records whose connections were to be re-checked."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def __call__(self, node: Node, connection: Connection) -> None:
        self.names.append(connection.address)


@pytest.fixture
def rechecks() -> Rechecks:
    return Rechecks()


@pytest.fixture
async def node(rechecks: Rechecks) -> AsyncIterator[Node]:
    yield node_module.running(rechecks)
    await node_module.stop()


@pytest.fixture
def hall(db: None) -> Room:
    return make_room("hall")


class Client:
    """A connection of the node, in the rooms it is put into."""

    def __init__(self, node: Node, name: str = "alice") -> None:
        self.node = node
        self.frames: list[dict[str, Any]] = []
        self.connection = Connection(self._send, limit_bytes=0, on_cut=lambda: None, address=name)
        node.connections[self.connection.id] = self.connection

    async def _send(self, event: dict[str, Any]) -> None:
        self.frames.append(json.loads(event["text"]) if "text" in event else event)

    async def enter(self, room: Room, head: int = 0) -> None:
        topic = topics.of_room(room.pk)
        self.node.hub.subscribe(topic, self.connection)
        await self.node.bus.sync_subscription(topic)
        self.node.hub.activate(topic, self.connection, head)
        self.connection.rooms[room.name] = make_access(room.pk, room.name)


# --- Messages ---------------------------------------------------------------------------------------------------------
async def test_a_message_is_stored_answered_and_broadcast(node: Node, hall: Room, people: SimpleNamespace) -> None:
    client = Client(node)
    await client.enter(hall)
    stored = await node.posted(NewMessage(hall.pk, people.alice.pk, "hi"))
    assert (stored.seq, stored.username, stored.room_name) == (1, "alice", "hall")
    await eventually(lambda: client.frames)
    assert [(frame["type"], frame["seq"], frame["content"]) for frame in client.frames] == [("chat-message", 1, "hi")]


async def test_a_repeated_message_is_answered_and_not_broadcast_again(
    node: Node, hall: Room, people: SimpleNamespace
) -> None:
    client = Client(node)
    await client.enter(hall)
    message = NewMessage(hall.pk, people.alice.pk, "hi", "c")
    assert [(await node.posted(message)).seq for _ in range(2)] == [1, 1]
    await node.posted(NewMessage(hall.pk, people.alice.pk, "bye"))
    await eventually(lambda: len(client.frames) == 2)
    assert [frame["content"] for frame in client.frames] == ["hi", "bye"]


async def test_a_refused_message_raises_its_refusal(node: Node, hall: Room, people: SimpleNamespace) -> None:
    until = timezone.now() + timedelta(hours=1)
    await database.call(moderation.ban, room_id=hall.pk, user_id=people.alice.pk, until=until)
    with pytest.raises(Banned):
        await node.posted(NewMessage(hall.pk, people.alice.pk, "hi"))


async def test_one_flooding_user_alone_is_refused(
    hall: Room, people: SimpleNamespace, settings: LazySettings, rechecks: Rechecks
) -> None:
    settings.CHAT_WRITE_QUEUE_MESSAGES_PER_USER = 2
    node, answers = node_module.running(rechecks), []
    for _ in range(2):
        node.post(NewMessage(hall.pk, people.alice.pk, "flood"), answers.append)
    with pytest.raises(Unavailable):
        node.post(NewMessage(hall.pk, people.alice.pk, "flood"), answers.append)
    node.post(NewMessage(hall.pk, people.bob.pk, "hi"), answers.append)
    await node_module.stop()
    assert [(answer.username, answer.seq) for answer in answers] == [("alice", 1), ("alice", 2), ("bob", 3)]


# --- Rights -----------------------------------------------------------------------------------------------------------
async def test_the_connections_of_a_user_who_is_announced_in_a_thread_are_rechecked(
    node: Node, people: SimpleNamespace, rechecks: Rechecks
) -> None:
    for name in ("alice", "bob"):
        user = getattr(people, name)
        Client(node, name).connection.identity = await database.call(identity_of, user)
    await database.call(rights.announce, [people.alice.pk, 5])
    await eventually(lambda: rechecks.names)
    assert rechecks.names == ["alice"]


async def test_a_removed_rooms_members_are_rechecked(node: Node, hall: Room, rechecks: Rechecks) -> None:
    client = Client(node)
    await client.enter(hall)
    await database.call(rooms.remove_room, room_id=hall.pk)
    await eventually(lambda: rechecks.names == ["alice"])


async def test_members_of_a_room_whose_row_is_gone_are_rechecked(node: Node, hall: Room, rechecks: Rechecks) -> None:
    client = Client(node)
    await client.enter(hall)
    await database.call(hall.delete)
    await node._sweep()
    await eventually(lambda: rechecks.names == ["alice"])


# --- Rooms that go away -----------------------------------------------------------------------------------------------
async def keys_of_rooms() -> set[int]:
    return await database.call(lambda: set(Room.objects.values_list("pk", flat=True)))


async def test_rooms_made_by_joining_that_nobody_uses_are_removed(node: Node, people: SimpleNamespace) -> None:
    def make() -> dict[str, Room]:
        made = {name: make_room(name, transient=True) for name in ("unused", "occupied", "spoken in", "new")}
        made["kept"] = make_room("kept")
        Room.objects.exclude(name="new").update(created_at=timezone.now() - rooms.UNUSED_AFTER - timedelta(seconds=1))
        make_message(made["spoken in"], people.alice)
        return made

    made = await database.call(make)
    await node.presence.enter(made["occupied"].pk, str(people.alice.pk))
    await node._remove_rooms()
    assert {name for name, room in made.items() if room.pk not in await keys_of_rooms()} == {"unused"}


async def test_no_room_is_removed_while_presence_is_uncertain(
    node: Node, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def uncertain(room: int) -> bool:
        return False

    monkeypatch.setattr(node.presence, "is_empty", uncertain)
    room = await database.call(make_room, "visit", transient=True)
    await node.remove_unused(room.pk)
    assert room.pk in await keys_of_rooms()


async def test_a_removed_room_is_purged_step_by_step(
    node: Node, hall: Room, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "ROWS_AT_ONCE", 2)

    def fill() -> None:
        for _ in range(5):
            make_message(hall, people.alice)
        rooms.remove_room(room_id=hall.pk)

    key = hall.pk
    await database.call(fill)
    await node._remove_rooms()
    assert key not in await keys_of_rooms()
    assert not await database.call(Message.objects.count)


# --- Large rooms ------------------------------------------------------------------------------------------------------
async def test_a_large_room_gets_its_member_count_once_for_all_changes(
    node: Node, hall: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_counts, "EVERY_S", 0)
    client = Client(node)
    await client.enter(hall)
    for user_id in ("1", "2", "3"):
        await node.presence.enter(hall.pk, user_id)
        node.member_counts.changed(hall.pk, "hall")
    await eventually(lambda: client.frames)
    assert client.frames == [{"type": "room-members", "roomId": "hall", "memberCount": 3}]
    node.member_counts.changed(hall.pk, "hall")
    await eventually(lambda: len(client.frames) == 2)


# --- Stopping -------------------------------------------------------------------------------------------------------
async def test_a_stopping_node_stores_what_was_submitted(node: Node, hall: Room, people: SimpleNamespace) -> None:
    answers: list[Any] = []
    for _ in range(3):
        node.post(NewMessage(hall.pk, people.alice.pk, "hi"), answers.append)
    await node_module.stop()
    assert [answer.seq for answer in answers] == [1, 2, 3]
    assert not node._tasks


async def test_a_stopping_node_waits_for_work_that_must_be_finished(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, begun, go_on, withdrawn = [], asyncio.Event(), asyncio.Event(), []
    withdraw = node.presence.withdraw

    async def broadcast_a_leaver() -> None:
        begun.set()
        await go_on.wait()
        done.append(list(withdrawn))

    async def recorded() -> list[Departure]:
        withdrawn.append("withdrawn")
        return await withdraw()

    monkeypatch.setattr(node.presence, "withdraw", recorded)
    node.spawn(node.finish(broadcast_a_leaver()))
    await begun.wait()
    stopping = asyncio.ensure_future(node_module.stop())
    await eventually(lambda: not node._tasks)
    assert (done, stopping.done()) == ([], False)
    go_on.set()
    await stopping
    assert done == [[]], "before presence gave up this process's share"


async def test_a_stopping_node_does_not_wait_for_ever(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "DISCONNECT_S", 0)
    node.spawn(node.finish(asyncio.sleep(3600)))
    await asyncio.sleep(0)
    await node_module.stop()
    for task in node._unfinished:
        task.cancel()


async def test_a_stopping_node_broadcasts_and_confirms_who_leaves_with_it(
    node: Node, hall: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, departures, confirmed = Client(node), [Departure(hall.pk, ALICE)], []
    await client.enter(hall)

    async def withdraw() -> list[Departure]:
        return departures

    async def confirm(departures: Any) -> None:
        confirmed.append(departures)

    monkeypatch.setattr(node.presence, "withdraw", withdraw)
    monkeypatch.setattr(node.presence, "confirm", confirm)
    await node_module.stop()
    await eventually(lambda: client.frames)
    assert [(frame["type"], frame["roomId"]) for frame in client.frames] == [("user-left", "hall")]
    assert confirmed == [departures]


async def test_departures_that_could_not_be_broadcast_are_not_confirmed(
    node: Node, hall: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed: list[Any] = []

    def away(**_: Any) -> None:
        raise Unavailable

    async def confirm(departures: Any) -> None:
        confirmed.append(departures)

    monkeypatch.setattr(rooms, "room_names", away)
    monkeypatch.setattr(node.presence, "confirm", confirm)
    with pytest.raises(Unavailable):
        await node._broadcast_departures([Departure(hall.pk, ALICE)])
    assert confirmed == []


async def test_there_is_one_node_until_it_stops(node: Node, rechecks: Rechecks) -> None:
    assert node_module.running(rechecks) is node
    await node_module.stop()
    assert node_module.running(rechecks) is not node
    await node_module.stop()
    await node_module.stop()


async def test_a_draining_node_says_when_to_reconnect_and_closes(node: Node, settings: LazySettings) -> None:
    settings.CHAT_DRAIN_S = 0
    client = Client(node)
    assert not node_module.draining()
    drain = asyncio.ensure_future(node.drain())
    await eventually(lambda: len(client.frames) == 2)
    assert node_module.draining()
    assert client.frames == [
        {"type": "server-draining", "reconnectInMs": 0},
        {"type": "websocket.close", "code": 1001, "reason": "Server shutdown"},
    ]
    client.connection.ended()
    node.connections.clear()
    await drain


# --- Leases -----------------------------------------------------------------------------------------------------------
async def test_a_lease_that_gets_no_answer_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def recheck(_node: Node, connection: Connection) -> None:
        asked.append(connection.address)
        if connection.address == "hangs":
            await asyncio.Event().wait()

    monkeypatch.setattr(node_module, "ASK_TIMEOUT_S", 0.05)
    node = Node(recheck)
    for name in ("hangs", *"abcdefgh"):
        Client(node, name).connection.rooms["order-1"] = make_access(1, "order-1", kind="object")
    Client(node, "elsewhere").connection.rooms["lobby"] = make_access(2, "lobby")
    await node._recheck_leases()
    assert asked == ["hangs", *"abcdefgh"]


# --- Several processes ------------------------------------------------------------------------------------------------
async def test_a_room_hears_who_left_it_with_a_dead_process(
    redis: Redis, settings: LazySettings, hall: Room, rechecks: Rechecks
) -> None:
    settings.CHAT_REDIS_URL = redis.url
    settings.CHAT_PRESENCE_LEASE_S = 0.3
    client = Client(node_module.running(rechecks))
    await client.enter(hall)
    dead = RedisPresence({"address": redis.url}, lease_s=0)
    await dead.connect(ALICE)
    await dead.enter(hall.pk, 1)
    await dead.renew()
    await eventually(lambda: client.frames)
    [frame] = client.frames
    assert (frame["type"], frame["roomId"], frame["user"]) == ("user-left", "hall", {"id": "1", "username": "alice"})
    assert not node_module.alone()
    await dead.close()
    await node_module.stop()
