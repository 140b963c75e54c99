"""One process's part of the chat: gaps repaired, rights looked after, the dead let go, and threads answered."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import LazySettings
from redis import Redis as RedisClient

from accounts import services as accounts
from accounts.models import User
from chatsite.errors import Unavailable
from rooms import node as node_module
from rooms import services
from rooms.delivery import bus
from rooms.delivery.connection import Connection
from rooms.delivery.events import Event
from rooms.delivery.presence import Online
from rooms.delivery.redis_presence import RedisPresence
from rooms.models import Message, Room
from rooms.node import Node
from tests.support.factories import make_message, make_room
from tests.support.machine import eventually
from tests.support.services import Redis

pytestmark = pytest.mark.django_db(transaction=True)
ALICE = Online(1, "alice", datetime(2026, 1, 2, tzinfo=UTC), "::1")


class Checks:
    """Stands for the check of rights: notes whose connections were to be checked."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def __call__(self, node: Node, connection: Connection) -> None:
        self.names.append(connection.address)


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
async def node(checks: Checks) -> AsyncIterator[Node]:
    yield node_module.running(checks)
    await node_module.stop()


@pytest.fixture
def hall(db: None) -> Room:
    return make_room("hall")


@pytest.fixture
def messages(hall: Room, make_user: Callable[..., User]) -> list[Message]:
    author = make_user("bob")
    return [make_message(hall, author) for _ in range(3)]


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
        topic = services.topic(room.pk)
        self.node.hub.join(topic, self.connection)
        await self.node.bus.sync_subscription(topic)
        self.node.hub.admit(topic, self.connection, head)
        self.connection.rooms[room.name] = room

    @property
    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.frames if frame["type"] == "chat-message"]


def told(message: Message) -> Event:
    return services.change_event(message, "hall")


# --- Gaps -------------------------------------------------------------------------------------------------------------
async def test_a_gap_is_read_from_the_database(node: Node, hall: Room, messages: list[Message]) -> None:
    client = Client(node)
    await client.enter(hall)
    node.bus.publish([told(messages[2])])
    assert client.seqs == []
    await eventually(lambda: client.seqs)
    assert client.seqs == [1, 2, 3]


async def test_a_database_that_is_away_is_asked_again(
    node: Node, hall: Room, messages: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, asked = services.changes, []

    def fail_first(**fields: Any) -> Any:
        asked.append(fields)
        if len(asked) == 1:
            raise Unavailable
        return changes(**fields)

    monkeypatch.setattr(services, "changes", fail_first)
    monkeypatch.setattr(node_module, "RETRY_S", 0.01)
    client = Client(node)
    await client.enter(hall)
    node.bus.publish([told(messages[1])])
    await eventually(lambda: client.seqs)
    assert client.seqs == [1, 2, 3]


async def test_what_was_lost_in_a_silent_room_is_found(
    hall: Room, messages: list[Message], settings: LazySettings, node: Node
) -> None:
    settings.CHAT_HEADS_INTERVAL_S = 0.02
    sweep = asyncio.ensure_future(node._sweep())
    plain, knowing = Client(node), Client(node)
    knowing.connection.accepts = frozenset({"heads"})
    for client in (plain, knowing):
        await client.enter(hall)
    await eventually(lambda: len(plain.seqs) == len(knowing.seqs) == 3)
    await eventually(lambda: {"type": "heads", "rooms": {"hall": 3}} in knowing.frames)
    assert {frame["type"] for frame in plain.frames} == {"chat-message"}
    sweep.cancel()
    await asyncio.gather(sweep, return_exceptions=True)


# --- Rights -----------------------------------------------------------------------------------------------------------
async def test_the_connections_of_a_user_whose_rights_changed_are_checked(node: Node, checks: Checks) -> None:
    for user_id, name in ((1, "alice"), (2, "bob"), (1, "alice's phone"), (None, "nobody yet")):
        client = Client(node, name)
        client.connection.identity = user_id and type("Identity", (), {"user_id": user_id})
    await asyncio.to_thread(node_module.check_user, 1)
    await eventually(lambda: len(checks.names) == 2)
    assert checks.names == ["alice", "alice's phone"]


async def test_a_change_of_rights_that_nobody_told_is_found_once(
    node: Node, checks: Checks, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "publish", lambda events: None)
    alice = await asyncio.to_thread(make_user, "alice")
    Client(node).connection.identity = type("Identity", (), {"user_id": alice.pk})
    await node._look_for_access_changes()
    assert checks.names == []
    await asyncio.to_thread(accounts.sign_out_everywhere, user_id=alice.pk)
    for _ in range(2):
        await node._look_for_access_changes()
        await asyncio.sleep(0)
        assert checks.names == ["alice"]
    await asyncio.to_thread(accounts.sign_out_everywhere, user_id=alice.pk)
    await node._look_for_access_changes()
    await asyncio.sleep(0)
    assert checks.names == ["alice", "alice"]


# --- The end ----------------------------------------------------------------------------------------------------------
async def test_a_stopping_node_stores_what_was_submitted(
    node: Node, hall: Room, make_user: Callable[..., User], people: Any
) -> None:
    answers: list[Any] = []
    for _ in range(3):
        node.journal.submit(services.NewMessage(hall.pk, people.alice.pk, "hi"), answers.append)
    await node_module.stop()
    assert [answer.seq for answer in answers] == [1, 2, 3]
    assert not node._tasks


async def test_there_is_one_node_until_it_stops(node: Node, checks: Checks) -> None:
    assert node_module.running(checks) is node
    await node_module.stop()
    assert node_module.running(checks) is not node
    await node_module.stop()
    await node_module.stop()


async def test_a_draining_node_says_when_to_come_back_and_closes(node: Node, settings: LazySettings) -> None:
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


# --- Who is where, for threads ----------------------------------------------------------------------------------------
async def test_threads_are_answered_by_the_running_node(node: Node) -> None:
    await node.presence.connect(ALICE)
    await node.presence.enter(7, 1)
    assert await asyncio.to_thread(node_module.member_counts, [7, 8]) == {7: 1, 8: 0}
    assert await asyncio.to_thread(node_module.online) == [ALICE]
    assert await asyncio.to_thread(node_module.room_members) == {7: [ALICE]}
    assert not node_module.alone()


def test_without_a_node_and_without_redis_nobody_is_anywhere() -> None:
    assert node_module.member_counts([7]) == {7: 0}
    assert node_module.online() == []
    assert node_module.room_members() == {}


async def test_without_a_node_redis_is_asked(redis: Redis, settings: LazySettings) -> None:
    settings.REDIS_URL = redis.url
    other = RedisPresence(redis.url, lease_s=60)
    await other.renew()
    await other.connect(ALICE)
    await other.enter(7, 1)
    assert await asyncio.to_thread(node_module.member_counts, [7, 8]) == {7: 1, 8: 0}
    assert await asyncio.to_thread(node_module.online) == [ALICE]
    assert await asyncio.to_thread(node_module.room_members) == {7: [ALICE]}
    await other.close()


async def test_presence_that_does_not_answer_is_unavailable(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(node_module, "ASK_TIMEOUT_S", 0.05)
    monkeypatch.setattr(node.presence, "online", hang)
    with pytest.raises(Unavailable):
        await asyncio.to_thread(node_module.online)


# --- Several processes ------------------------------------------------------------------------------------------------
async def test_a_room_is_told_who_left_it_with_a_dead_process(
    redis: Redis, settings: LazySettings, hall: Room, checks: Checks
) -> None:
    settings.REDIS_URL = redis.url
    settings.CHAT_PRESENCE_LEASE_S = 0.3
    client = Client(node_module.running(checks))
    await client.enter(hall)
    dead = RedisPresence(redis.url, lease_s=0)
    await dead.connect(ALICE)
    await dead.enter(hall.pk, 1)
    await dead.renew()
    await eventually(lambda: client.frames)
    [frame] = client.frames
    assert (frame["type"], frame["roomId"], frame["user"]) == ("user-left", "hall", {"id": "1", "username": "alice"})
    assert not node_module.alone()
    await dead.close()
    await node_module.stop()


def test_a_change_of_rights_is_told_as_the_users_id(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[Event] = []
    monkeypatch.setattr(node_module, "publish", published.extend)
    node_module.check_user(7)
    assert [(event.topic, msgspec.json.decode(event.payload)) for event in published] == [("control", 7)]


async def test_departures_that_the_database_kept_from_being_broadcast_are_broadcast_later(
    redis: Redis, settings: LazySettings, hall: Room, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = redis.url
    node = node_module.running(checks)
    client = Client(node)
    await client.enter(hall)
    dead = RedisPresence(redis.url, lease_s=0)
    await dead.connect(ALICE)
    await dead.enter(hall.pk, 1)

    def fail(**fields: Any) -> Any:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(services, "room_names", fail)
        with pytest.raises(Unavailable):
            await node._upkeep()
    assert client.frames == []
    await node._upkeep()
    await node._upkeep()
    assert [frame["type"] for frame in client.frames] == ["user-left"]
    await dead.close()
    await node_module.stop()


@pytest.fixture
async def distributed(
    redis: Redis, settings: LazySettings, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Node]:
    """A node with presence and channel layer in Redis."""
    settings.REDIS_URL = redis.url
    layer = RedisPubSubChannelLayer(hosts=[redis.url], prefix="node")
    monkeypatch.setattr(bus, "get_channel_layer", lambda: layer)
    monkeypatch.setattr(bus, "RETRY_S", 0.01)
    node = node_module.running(checks)
    await eventually(lambda: {*bus.ALWAYS} <= node.bus._groups, what="the bus is in its groups")
    yield node
    await node_module.stop()
    await layer.flush()


async def test_a_relay_that_receives_nothing_makes_the_process_deaf_until_it_is_connected_again(
    distributed: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "PROBE_S", 0)
    assert not node_module.is_deaf()
    [shard] = distributed.bus._layer._get_layer()._shards
    shard._receive_task.cancel()
    for _ in range(bus.MAX_UNANSWERED + 1):
        await distributed._upkeep()
    assert node_module.is_deaf()
    assert not node_module.alone()
    await eventually(lambda: not node_module.is_deaf(), what="the new connection hears a probe")


async def test_a_redis_that_is_away_makes_a_process_alone_and_not_deaf(distributed: Node, redis: Redis) -> None:
    redis.kill()
    for _ in range(2 * bus.MAX_UNANSWERED):
        await distributed._upkeep()
    assert node_module.alone()
    assert not node_module.is_deaf()
    redis.restart()
    with closing(RedisClient.from_url(redis.url)) as client:
        await eventually(lambda: client.pubsub_numsub("node__group__control")[0][1] == 1, what="it is subscribed again")
    while node_module.alone():  # connections that died with Redis fail once
        await distributed._upkeep()
    assert not node_module.is_deaf()
