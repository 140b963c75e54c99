"""A bus over two servers: what is wrong with one of them delays nothing that the other carries."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from itertools import count

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer

from rooms.live import bus as bus_module
from rooms.live import lanes
from rooms.live.bus import MAX_UNANSWERED, Bus
from rooms.live.events import Event
from rooms.live.topics import CONTROL, of_room
from rooms.redis_hosts import Ring
from tests.rooms.live.test_bus import Process
from tests.support.machine import eventually
from tests.support.services import Redis

RING = Ring("test", 2)
FIRST, SECOND = (
    next(topic for topic in map(of_room, count(1)) if RING.shard(topic) == number) for number in range(RING.size)
)


class ShardedProcess(Process):
    """A process whose layer has two servers."""

    def __init__(self, *servers: Redis) -> None:
        super().__init__(RedisPubSubChannelLayer(hosts=[server.url for server in servers], prefix="test"))
        self.bus = Bus(self.hub, self._control, self.layer, RING)


@pytest.fixture
async def pair(redis: Redis, second_redis: Redis) -> AsyncIterator[tuple[ShardedProcess, ShardedProcess]]:
    processes = ShardedProcess(redis, second_redis), ShardedProcess(redis, second_redis)
    for process in processes:
        await process.start()
        await eventually(lambda process=process: process.bus._groups >= set(process.bus._always))
    yield processes
    for process in processes:
        await process.stop()


Pair = tuple[ShardedProcess, ShardedProcess]


async def test_events_of_both_servers_arrive_each_topic_in_order(pair: Pair) -> None:
    here, there = pair
    members = {topic: await there.enter(topic) for topic in (FIRST, SECOND)}
    for number in range(50):
        here.bus.publish([Event(topic, f"{topic} {number}".encode()) for topic in members])
    for topic, member in members.items():
        await eventually(lambda member=member: len(member.got) == 50)
        assert member.got == [f"{topic} {number}" for number in range(50)]


async def test_a_server_that_is_away_stops_nothing_of_the_other_and_is_used_again(
    pair: Pair, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "RETRY_S", 0.01)
    here, there = pair
    redis.kill()
    lost, kept = await there.enter(FIRST), await there.enter(SECOND)
    await there.bus.reconcile()
    here.bus.publish([Event(FIRST, b"not now"), Event(SECOND, b"heard")])
    await eventually(lambda: kept.got == ["heard"])
    assert lost.got == []
    redis.restart()

    async def is_heard() -> bool:
        await there.bus.reconcile()
        here.bus.publish([Event(FIRST, b"again")])
        return "again" in lost.got

    async with asyncio.timeout(20):
        while not await is_heard():  # noqa: ASYNC110 - nothing says when channels-redis has subscribed again
            await asyncio.sleep(0.05)


async def test_a_server_that_hangs_delays_nothing_of_the_other(
    pair: Pair, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "TIMEOUT_S", 60)
    here, there = pair
    kept = await there.enter(SECOND)
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        here.bus.publish([Event(FIRST, b"not now"), Event(SECOND, b"at once")])
        await eventually(lambda: kept.got == ["at once"])
        here.bus.publish([Event(SECOND, b"and again")])
        await eventually(lambda: len(kept.got) == 2)
        await there.leave(SECOND, kept)
        assert SECOND not in there.bus._groups
        assert here.bus._lanes[0].sender is not None, "it still waits for the one that hangs"
    finally:
        os.kill(redis.pid, signal.SIGCONT)


@pytest.mark.parametrize("number", [0, 1])
async def test_a_subscription_at_one_server_that_died_in_silence_is_found(
    pair: Pair, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "PROBE_S", 0)
    monkeypatch.setattr(lanes, "RETRY_S", 0.01)
    _, there = pair
    await eventually(lambda: there.bus._unanswered == 0)
    shard = there.layer._get_layer()._shards[number]
    shard._receive_task.cancel()
    await asyncio.wait([shard._receive_task])
    for _ in range(MAX_UNANSWERED):
        assert there.bus.is_listening
        await there.bus.reconcile()
        await eventually(lambda: there.bus._lanes[1 - number].unanswered == 0, what="the other one is heard")
    assert not there.bus.is_listening
    await there.bus.reconcile()
    await eventually(lambda: there.bus.is_listening and CONTROL in there.bus._groups, what="it listens again")
