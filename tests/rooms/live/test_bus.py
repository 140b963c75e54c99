"""How processes talk: two buses over one real Redis, each with a channel layer of its own, as two processes have."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis import Redis as Client

from rooms.delivery import bus as bus_module
from rooms.delivery.bus import ALWAYS, CONTROL, EVERYONE, Bus, publish
from rooms.delivery.events import Encoded, Event
from rooms.delivery.hub import Hub
from rooms.delivery.pace import Pace
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


class Listening(Pace):
    def __init__(self) -> None:
        super().__init__()
        self.others: list[str] = []

    def heard(self, origin: str) -> None:
        self.others.append(origin)


class Process:
    """A hub and a bus of their own. `enter` and `leave` do what attendance does."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.hub = Hub(lambda _: None)
        self.told: list[bytes] = []
        self.pace = Listening()
        self.bus = Bus(self.hub, self.told.append, layer, pace=self.pace)

    async def start(self) -> None:
        self.bus.start()
        await eventually(lambda: set(ALWAYS) <= self.bus._groups, what="the bus is in its groups")

    async def enter(self, topic: str) -> Member:
        member = Member()
        self.hub.join(topic, member)
        await self.bus.follow(topic)
        self.hub.admit(topic, member)
        return member

    async def leave(self, topic: str, member: Member) -> None:
        self.hub.leave(topic, member)
        await self.bus.follow(topic)

    async def stop(self) -> None:
        await self.bus.stop()
        await self.layer.flush()


@pytest.fixture
async def here(redis: Redis) -> AsyncIterator[Process]:
    process = Process(RedisPubSubChannelLayer(hosts=[redis.url]))
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def there(redis: Redis) -> AsyncIterator[Process]:
    process = Process(RedisPubSubChannelLayer(hosts=[redis.url]))
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    counted: list[None] = []
    monkeypatch.setattr(bus_module.metrics, "publish_failed", lambda: counted.append(None))
    return counted


def change(seq: int, topic: str = ROOM) -> Event:
    return Event(topic, str(seq).encode(), seq)


def subscribers(redis: Redis, topic: str) -> int:
    with closing(Client.from_url(redis.url)) as client:
        [(_, count)] = client.pubsub_numsub(f"asgi__group__{topic}")
    return int(count)


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


async def test_the_pace_is_told_of_others_and_not_of_our_own_echo(here: Process, there: Process) -> None:
    member, other = await here.enter(ROOM), await there.enter(ROOM)
    here.bus.publish([Event(ROOM, b"1", seq=1)])
    await eventually(lambda: other.got == ["1"], what="it is there")
    there.bus.publish([Event(ROOM, b"2", seq=2)])
    await eventually(lambda: member.got == ["1", "2"], what="it is here")
    assert (here.pace.others, there.pace.others) == ([there.bus._origin], [here.bus._origin])


async def test_what_others_tell_while_something_is_stored_leaves_together_with_it(
    here: Process, there: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = await here.enter(ROOM)
    monkeypatch.setattr(bus_module, "HOLD_S", 60)
    with here.bus.together():
        there.bus.publish([change(1)])
        await eventually(lambda: here.bus._held)
        assert near.got == []
        here.bus.publish([change(2)])
        assert near.got == ["1", "2"]
    with here.bus.together():
        there.bus.publish([change(3)])
        await eventually(lambda: here.bus._held)
    assert near.got == ["1", "2", "3"], "nothing was published here"


async def test_what_others_tell_waits_for_no_long_storing(here: Process, there: Process) -> None:
    near = await here.enter(ROOM)
    with here.bus.together():
        there.bus.publish([change(1)])
        await eventually(lambda: near.got == ["1"])
        there.bus.publish([change(2)])
        await eventually(lambda: near.got == ["1", "2"])


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
    assert min(subscribers(redis, EVERYONE), subscribers(redis, CONTROL)) >= 2  # a flow's server may be here too


async def test_an_event_stays_with_its_topic(here: Process, there: Process) -> None:
    member, other = await there.enter(ROOM), await there.enter(OTHER)
    here.bus.publish([change(1), change(1, OTHER), change(2)])
    await eventually(lambda: len(member.got) == 2 and other.got)
    assert (member.got, other.got) == (["1", "2"], ["1"])


async def test_what_processes_tell_each_other_reaches_all_of_them(here: Process, there: Process) -> None:
    here.bus.publish([Event(CONTROL, b"7")])
    assert here.told == [b"7"]
    await eventually(lambda: there.told)
    assert there.told == [b"7"]


async def test_a_thread_publishes_by_the_running_bus(here: Process, there: Process) -> None:
    near, far = await here.enter(ROOM), await there.enter(ROOM)
    await asyncio.to_thread(publish, [change(1), change(2)])
    await eventually(lambda: len(near.got) == len(far.got) == 2)
    assert near.got == far.got == ["1", "2"]


async def test_a_command_without_a_bus_publishes_by_the_layer(
    redis: Redis, there: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = await there.enter(ROOM)
    layer = RedisPubSubChannelLayer(hosts=[redis.url])
    monkeypatch.setattr(bus_module, "get_channel_layer", lambda: layer)
    monkeypatch.setattr(bus_module, "_running", None)
    await asyncio.to_thread(publish, [change(1, OTHER), change(1), Event(CONTROL, b"7"), change(2)])
    await eventually(lambda: len(far.got) == 2 and there.told)
    assert (far.got, there.told) == (["1", "2"], [b"7"])


@pytest.mark.parametrize("layer", [None, InMemoryChannelLayer()])
async def test_a_command_of_a_single_process_publishes_to_nobody(
    layer: Any, monkeypatch: pytest.MonkeyPatch, failures: list[None]
) -> None:
    monkeypatch.setattr(bus_module, "get_channel_layer", lambda: layer)
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
    assert process.bus._sender is None
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

    monkeypatch.setattr(bus_module, "TIMEOUT_S", 0.01)
    monkeypatch.setattr(here.layer, "group_send", hang, raising=False)
    here.bus.publish([change(1)])
    await here.bus.stop()
    assert here.bus._sender is None


async def test_a_layer_that_hangs_delays_an_entry_and_does_not_stop_it(
    here: Process, monkeypatch: pytest.MonkeyPatch, failures: list[None]
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(bus_module, "TIMEOUT_S", 0.01)
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
    monkeypatch.setattr(bus_module, "MAX_OUTGOING", 10)
    member = await here.enter(ROOM)
    for seq in range(1, 41, 4):
        here.bus.publish([change(seq + turn) for turn in range(4)])
    assert len(here.bus._outgoing) == 10
    assert len(member.got) == 40


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


async def test_after_a_restart_of_redis_events_arrive_again(redis: Redis, here: Process, there: Process) -> None:
    far = await there.enter(ROOM)
    redis.restart()
    await eventually(lambda: subscribers(redis, ROOM) == 1, what="the layer subscribes by itself")
    here.bus.publish([change(1)])
    await eventually(lambda: far.got)
    assert far.got == ["1"]


async def test_a_group_that_could_not_be_joined_or_left_is_joined_or_left_later(
    redis: Redis, here: Process, monkeypatch: pytest.MonkeyPatch, failures: list[None]
) -> None:
    async def fail(*_: str) -> None:
        raise ConnectionError

    monkeypatch.setattr(bus_module, "RETRY_S", 0)
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
    monkeypatch.setattr(bus_module, "RETRY_S", 0.01)
    redis.kill()
    late = Process(RedisPubSubChannelLayer(hosts=[redis.url]))
    late.bus.start()
    member = await late.enter(ROOM)
    redis.restart()
    await eventually(lambda: ROOM in late.bus._groups)
    await eventually(lambda: subscribers(redis, ROOM) == 1)
    here.bus.publish([change(1)])
    await eventually(lambda: member.got)
    await late.stop()
