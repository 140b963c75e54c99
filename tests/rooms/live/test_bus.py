"""How processes exchange events: two buses over one real Redis, each with a channel layer of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from msgspec import msgpack
from redis import Redis as Client
from redis.asyncio import Redis as AsyncClient

from rooms.live import bus as bus_module
from rooms.live import lanes
from rooms.live.bus import ALWAYS, MAX_UNANSWERED, Bus, publish
from rooms.live.events import Encoded, Event
from rooms.live.hub import Hub
from rooms.live.topics import CONTROL, EVERYONE
from tests.support.machine import eventually
from tests.support.services import Redis

ROOM, OTHER = "room.1", "room.2"


class Member:
    def __init__(self) -> None:
        self.id = "member"
        self.accepts: frozenset[str] = frozenset()
        self.write, self.write_up_to = None, 0
        self.got: list[str] = []

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None:
        self.got.append(frame.text)


class Process:
    """A hub and a bus of its own. `enter` and `leave` do what attendance does."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.hub = Hub(lambda _: None)
        self.controls: list[bytes] = []
        self.bus = Bus(self.hub, self._control, layer)

    def _control(self, payload: bytes) -> None:
        if payload == b"faulty":
            raise ZeroDivisionError
        self.controls.append(payload)

    async def start(self) -> None:
        self.bus.start()
        await eventually(lambda: set(ALWAYS) <= self.bus._groups, what="the bus is in its groups")

    async def enter(self, topic: str) -> Member:
        member = Member()
        self.hub.subscribe(topic, member)
        await self.bus.sync_subscription(topic)
        self.hub.activate(topic, member)
        return member

    async def leave(self, topic: str, member: Member) -> None:
        self.hub.unsubscribe(topic, member)
        await self.bus.sync_subscription(topic)

    async def stop(self) -> None:
        await self.bus.stop()
        await self.layer.flush()


@pytest.fixture
async def here(redis: Redis) -> AsyncIterator[Process]:
    process = Process(layer_on(redis))
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def there(redis: Redis) -> AsyncIterator[Process]:
    process = Process(layer_on(redis))
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    counted: list[None] = []
    monkeypatch.setattr(bus_module.metrics, "relay_failed", lambda: counted.append(None))
    return counted


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    counted: list[None] = []
    monkeypatch.setattr(bus_module.metrics, "publish_failed", lambda: counted.append(None))
    return counted


def change(seq: int, topic: str = ROOM) -> Event:
    return Event(topic, str(seq).encode(), seq)


def subscribers(redis: Redis, topic: str) -> int:
    with closing(Client.from_url(redis.url)) as client:
        [(_, count)] = client.pubsub_numsub(f"test__group__{topic}")
    return int(count)


def layer_on(redis: Redis, *, prefix: str = "test", database: int = 0) -> RedisPubSubChannelLayer:
    return RedisPubSubChannelLayer(hosts=[f"{redis.url.removesuffix('/0')}/{database}"], prefix=prefix)


async def test_events_reach_every_process_once_and_in_order(here: Process, there: Process) -> None:
    near, far = await here.enter(ROOM), await there.enter(ROOM)
    for seq in range(1, 50):
        here.bus.publish([change(seq)])
    here.bus.publish([change(50), change(51)])
    assert len(near.got) == 51, "local members wait for nobody"
    await eventually(lambda: len(far.got) >= 51)
    there.bus.publish([change(52)])
    await eventually(lambda: "52" in near.got)
    expected = [str(seq) for seq in range(1, 53)]
    assert near.got == far.got == expected


async def test_what_a_process_sent_itself_is_not_delivered_again(here: Process, there: Process) -> None:
    """Ephemeral events have no seq by which the hub could tell a double."""
    near, far = await here.enter(ROOM), await there.enter(ROOM)
    here.bus.publish([Event(ROOM, b"typing")])
    await eventually(lambda: far.got)
    there.bus.publish([Event(ROOM, b"the end")])
    await eventually(lambda: "the end" in near.got)
    assert near.got == ["typing", "the end"]


async def test_a_process_is_in_the_groups_of_its_members(redis: Redis, here: Process, there: Process) -> None:
    assert subscribers(redis, ROOM) == 0
    one, two = await here.enter(ROOM), await here.enter(ROOM)
    far = await there.enter(ROOM)
    assert subscribers(redis, ROOM) == 2
    await here.leave(ROOM, one)
    assert subscribers(redis, ROOM) == 2
    await here.leave(ROOM, two)
    assert subscribers(redis, ROOM) == 1
    await there.leave(ROOM, far)
    assert subscribers(redis, ROOM) == 0
    assert subscribers(redis, EVERYONE) == subscribers(redis, CONTROL) == 2


async def test_an_event_stays_with_its_topic(here: Process, there: Process) -> None:
    member, other = await there.enter(ROOM), await there.enter(OTHER)
    here.bus.publish([change(1), change(1, OTHER), change(2)])
    await eventually(lambda: len(member.got) == 2 and other.got)
    assert (member.got, other.got) == (["1", "2"], ["1"])


async def test_control_events_reach_every_process(here: Process, there: Process) -> None:
    here.bus.publish([Event(CONTROL, b"7")])
    assert here.controls == [b"7"]
    await eventually(lambda: there.controls)
    assert there.controls == [b"7"]


async def test_a_thread_publishes_by_the_running_bus(here: Process, there: Process) -> None:
    near, far = await here.enter(ROOM), await there.enter(ROOM)
    await asyncio.to_thread(publish, [change(1), change(2)])
    await eventually(lambda: len(near.got) == len(far.got) == 2)
    assert near.got == far.got == ["1", "2"]


async def test_a_command_without_a_bus_publishes_by_the_layer(
    redis: Redis, there: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = await there.enter(ROOM)
    layer = layer_on(redis)
    monkeypatch.setattr(bus_module, "get_channel_layer", lambda _alias: layer)
    monkeypatch.setattr(bus_module, "_running", None)
    await asyncio.to_thread(publish, [change(1, OTHER), change(1), Event(CONTROL, b"7"), change(2)])
    await eventually(lambda: len(far.got) == 2 and there.controls)
    assert (far.got, there.controls) == (["1", "2"], [b"7"])


@pytest.mark.parametrize("layer", [None, InMemoryChannelLayer()])
async def test_a_command_of_a_single_process_publishes_to_nobody(
    layer: Any, monkeypatch: pytest.MonkeyPatch, failures: list[None]
) -> None:
    monkeypatch.setattr(bus_module, "get_channel_layer", lambda _alias: layer)
    monkeypatch.setattr(bus_module, "_running", None)
    await asyncio.to_thread(publish, [change(1)])
    assert failures == []


async def test_a_single_process_delivers_without_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(InMemoryChannelLayer())
    await process.start()
    member = await process.enter(ROOM)
    monkeypatch.setattr(process.layer, "group_send", None)
    process.bus.publish([change(1)])
    assert member.got == ["1"]
    assert process.bus._lanes[0].sender is None
    await process.bus.stop()


async def test_a_stopped_bus_is_not_the_running_one(here: Process) -> None:
    assert bus_module._running is here.bus
    await here.bus.stop()
    assert bus_module._running is None


async def test_a_bus_that_stops_sends_its_last_words(here: Process, there: Process) -> None:
    far = await there.enter(ROOM)
    here.bus.publish([change(1)])
    await here.bus.stop()
    await eventually(lambda: far.got)


async def test_a_layer_that_hangs_does_not_keep_a_bus_from_stopping(
    here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(lanes, "TIMEOUT_S", 0.01)
    monkeypatch.setattr(here.layer, "group_send", hang, raising=False)
    here.bus.publish([change(1)])
    await here.bus.stop()
    assert here.bus._lanes[0].sender is None


async def test_a_layer_that_hangs_delays_an_entry_and_does_not_stop_it(
    here: Process, monkeypatch: pytest.MonkeyPatch, failures: list[None]
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(lanes, "TIMEOUT_S", 0.01)
    monkeypatch.setattr(here.layer, "group_add", hang, raising=False)
    near, other = await here.enter(ROOM), await here.enter(OTHER)
    assert len(failures) == 1, "a layer that has just failed is left alone for a while"
    here.bus.publish([change(1), change(1, OTHER)])
    assert near.got == other.got == ["1"]


async def test_one_commit_is_one_layer_message_for_each_topic(
    here: Process, there: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    far, other = await there.enter(ROOM), await there.enter(OTHER)
    sent: list[str] = []
    group_send = here.layer.group_send

    async def counted(group: str, message: dict[str, Any]) -> None:
        sent.append(group)
        await group_send(group, message)

    monkeypatch.setattr(here.layer, "group_send", counted, raising=False)
    here.bus.publish([event for seq in range(1, 101) for event in (change(seq), change(seq, OTHER))])
    await eventually(lambda: len(far.got) == len(other.got) == 100)
    assert sorted(sent) == [ROOM, OTHER]


async def test_what_the_layer_cannot_take_is_bounded(here: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MAX_OUTGOING", 10)
    member = await here.enter(ROOM)
    for seq in range(1, 41, 4):
        here.bus.publish([change(seq + turn) for turn in range(4)])
    assert len(here.bus._lanes[0].outgoing) == 10
    assert len(member.got) == 40


# --- Nothing that arrives ends the relay ------------------------------------------------------------------------------
ORIGIN = "another process"


async def _publish_raw(redis: Redis, topic: str, data: bytes) -> None:
    async with AsyncClient.from_url(redis.url) as client:
        await client.publish(f"test__group__{topic}", data)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "relay", "origin": ORIGIN, "events": b"\xc1"},
        {"type": "relay", "origin": ORIGIN, "events": msgpack.encode([["room.1", b"1", "a seq that is no number"]])},
        {"type": "relay", "origin": ORIGIN, "events": msgpack.encode([{"version": 2}])},
        {"type": "relay", "origin": ORIGIN, "events": 7},
        {"type": "relay", "origin": ORIGIN},
        {"type": "relay"},
        ["no", "message"],
    ],
)
async def test_a_message_that_cannot_be_read_is_counted_and_the_next_one_delivered(
    redis: Redis, here: Process, there: Process, unread: list[None], message: Any
) -> None:
    far = await there.enter(ROOM)
    await _publish_raw(redis, ROOM, here.layer.serialize(message))
    here.bus.publish([change(1)])
    await eventually(lambda: far.got)
    assert (far.got, len(unread)) == (["1"], 1)
    assert there.bus.is_listening


async def test_bytes_that_the_layer_cannot_read_are_counted_and_the_next_message_delivered(
    redis: Redis, here: Process, there: Process, unread: list[None]
) -> None:
    far = await there.enter(ROOM)
    for _ in range(50):
        await _publish_raw(redis, ROOM, b"\xc1")
    here.bus.publish([change(1)])
    await eventually(lambda: far.got)
    assert (far.got, len(unread)) == (["1"], 50)


async def test_a_faulty_control_event_is_counted_and_those_beside_it_are_handled(
    here: Process, there: Process, unread: list[None]
) -> None:
    here.bus.publish([Event(CONTROL, b"6"), Event(CONTROL, b"faulty"), Event(CONTROL, b"7")])
    assert (here.controls, len(unread)) == ([b"6", b"7"], 1)
    await eventually(lambda: len(there.controls) == 2)
    assert (there.controls, len(unread)) == ([b"6", b"7"], 2)


async def test_a_fault_in_delivering_is_counted_and_the_next_message_delivered(
    here: Process, there: Process, unread: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    far = await there.enter(ROOM)
    with monkeypatch.context() as patch:
        patch.setattr(there.hub, "deliver", None)
        here.bus.publish([Event(ROOM, b"lost")])
        await eventually(lambda: unread)
    here.bus.publish([change(1)])
    await eventually(lambda: far.got)
    assert (far.got, len(unread)) == (["1"], 1)


async def test_a_relay_that_ends_all_the_same_is_restarted_and_subscribed_again(
    redis: Redis, here: Process, there: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "RETRY_S", 0.01)
    far = await there.enter(ROOM)
    ended = there.bus._relay
    assert ended is not None
    ended.cancel()
    await asyncio.wait([ended])
    assert not there.bus.is_listening
    await eventually(lambda: {*ALWAYS, ROOM} <= there.bus._groups and there.bus.is_listening)
    here.bus.publish([change(1)])
    await eventually(lambda: far.got)


async def test_a_subscription_in_flight_while_the_relay_is_restarted_is_made_again(
    redis: Redis, here: Process, there: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "RETRY_S", 0)
    subscribed, go_on = asyncio.Event(), asyncio.Event()
    group_add = there.layer.group_add

    async def answer_late(group: str, channel: str) -> None:
        await group_add(group, channel)
        if group == ROOM:
            subscribed.set()
            await go_on.wait()

    monkeypatch.setattr(there.layer, "group_add", answer_late, raising=False)
    entering = asyncio.ensure_future(there.enter(ROOM))
    await subscribed.wait()
    before = there.bus._channel
    assert there.bus._relay is not None
    there.bus._relay.cancel()
    await eventually(lambda: there.bus._channel not in ("", before), what="another relay runs")
    go_on.set()
    far = await entering
    await eventually(lambda: {*ALWAYS, ROOM} <= there.bus._groups)
    here.bus.publish([change(1)])
    await eventually(lambda: far.got)


async def test_a_bus_listens_from_its_start_until_it_stops(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "PROBE_S", 0)
    process = Process(layer_on(redis))
    assert not process.bus.is_listening
    await process.start()
    for _ in range(2 * MAX_UNANSWERED):
        await process.bus.reconcile()
        await eventually(lambda: process.bus._unanswered == 0, what="the probe has come back")
    assert process.bus.is_listening
    await process.stop()
    assert not process.bus.is_listening


async def test_a_subscription_that_died_in_silence_is_found_and_replaced(
    redis: Redis, here: Process, there: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "PROBE_S", 0)
    monkeypatch.setattr(lanes, "RETRY_S", 0.01)
    far = await there.enter(ROOM)
    await eventually(lambda: there.bus._unanswered == 0, what="the relay is heard")
    [shard] = there.layer._get_layer()._shards
    shard._receive_task.cancel()
    await asyncio.wait([shard._receive_task])
    for _ in range(MAX_UNANSWERED):
        assert there.bus.is_listening
        await there.bus.reconcile()
    assert not there.bus.is_listening
    await there.bus.reconcile()
    await eventually(lambda: there.bus.is_listening and ROOM in there.bus._groups, what="another connection listens")
    here.bus.publish([change(1)])
    await eventually(lambda: far.got)


async def test_a_relay_that_connects_again_is_left_alone_until_it_can_have_heard_a_probe(
    redis: Redis, there: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the bus is reconciled."""
    monkeypatch.setattr(lanes, "RETRY_S", 0.01)
    there.bus._lanes[0].unanswered, there.bus._probed_at = MAX_UNANSWERED, float("-inf")
    async with asyncio.timeout(10):
        while not there.bus.is_listening:
            await there.bus.reconcile()
            await asyncio.sleep(0)
    await eventually(lambda: subscribers(redis, CONTROL) == 1)


async def test_probes_are_not_sent_in_quick_succession(here: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a subscription that is just being renewed is taken for dead."""
    await eventually(lambda: here.bus._probed_at > 0, what="the first one is sent")
    sent: list[str] = []

    async def lose(channel: str, message: dict[str, Any]) -> None:
        sent.append(channel)

    monkeypatch.setattr(here.layer, "group_send", lose, raising=False)
    for _ in range(2 * MAX_UNANSWERED):
        await here.bus.reconcile()
    assert sent == []
    monkeypatch.setattr(bus_module, "PROBE_S", 0)
    await here.bus.reconcile()
    assert len(sent) == 1


async def test_a_layer_that_takes_nothing_says_nothing_about_the_relay(
    redis: Redis, here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "PROBE_S", 0)
    monkeypatch.setattr(lanes, "RETRY_S", 0)
    await eventually(lambda: here.bus._unanswered == 0, what="the relay is heard")
    redis.kill()
    for _ in range(2 * MAX_UNANSWERED):
        await here.bus.reconcile()
    assert here.bus.is_listening
    redis.restart()
    await eventually(lambda: subscribers(redis, CONTROL) == 1)


# --- One server for several installations -----------------------------------------------------------------------------
async def test_installations_with_different_prefixes_do_not_hear_each_other(redis: Redis, here: Process) -> None:
    """Pub/sub knows no database number: only the prefix keeps them apart."""
    theirs = [Process(layer_on(redis, prefix="staging", database=number)) for number in (0, 1)]
    for process in theirs:
        await process.start()
    near, (first, second) = await here.enter(ROOM), [await process.enter(ROOM) for process in theirs]
    here.bus.publish([Event(ROOM, b"ours")])
    theirs[0].bus.publish([Event(ROOM, b"theirs")])
    await eventually(lambda: second.got, what="the same prefix is one installation")
    theirs[1].bus.publish([Event(ROOM, b"the end")])
    await eventually(lambda: len(first.got) == 2)
    await here.bus.reconcile()
    await eventually(lambda: here.bus._unanswered == 0, what="all that was sent before has come")
    assert (near.got, first.got, second.got) == (["ours"], ["theirs", "the end"], ["theirs", "the end"])
    for process in theirs:
        await process.stop()


# --- Redis is lost ----------------------------------------------------------------------------------------------------
async def test_without_redis_local_members_are_served_and_the_failures_counted(
    redis: Redis, here: Process, failures: list[None]
) -> None:
    near = await here.enter(ROOM)
    redis.kill()
    here.bus.publish([change(1), change(1, OTHER)])
    assert near.got == ["1"]
    await eventually(lambda: len(failures) == 2)
    here.bus.publish([change(2)])
    assert near.got == ["1", "2"]
    await eventually(lambda: len(failures) == 3)
    redis.restart()
    await eventually(lambda: subscribers(redis, ROOM) == 1)


async def test_after_a_restart_of_redis_events_arrive_again(redis: Redis, here: Process, there: Process) -> None:
    far = await there.enter(ROOM)
    redis.restart()
    await eventually(lambda: subscribers(redis, ROOM) == 1, what="the layer subscribes again")
    here.bus.publish([change(1)])
    await eventually(lambda: far.got)
    assert far.got == ["1"]


async def test_a_group_that_could_not_be_joined_or_left_is_joined_or_left_later(
    redis: Redis, here: Process, monkeypatch: pytest.MonkeyPatch, failures: list[None]
) -> None:
    async def fail(*_: str) -> None:
        raise ConnectionError

    monkeypatch.setattr(lanes, "RETRY_S", 0)
    member = await here.enter(ROOM)
    with monkeypatch.context() as patch:
        patch.setattr(here.layer, "group_add", fail, raising=False)
        patch.setattr(here.layer, "group_discard", fail, raising=False)
        await here.enter(OTHER)
        await here.leave(ROOM, member)
    assert (len(failures), subscribers(redis, OTHER), subscribers(redis, ROOM)) == (2, 0, 1)
    await here.bus.reconcile()
    assert (len(failures), subscribers(redis, OTHER), subscribers(redis, ROOM)) == (2, 1, 0)


async def test_a_bus_that_starts_without_redis_begins_when_it_is_there(
    redis: Redis, here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "RETRY_S", 0.01)
    redis.kill()
    late = Process(layer_on(redis))
    late.bus.start()
    member = await late.enter(ROOM)
    redis.restart()
    await eventually(lambda: ROOM in late.bus._groups)
    await eventually(lambda: subscribers(redis, ROOM) == 1)
    here.bus.publish([change(1)])
    await eventually(lambda: member.got)
    await late.stop()
