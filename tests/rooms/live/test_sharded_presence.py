"""Presence over two servers of Redis: what each holds, and what is known while one of them is away."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing

import pytest
from redis import Redis as Client

from rooms.live.presence import Departure, Presence
from rooms.live.redis_presence import DOUBT_LEASES
from rooms.live.sharded_presence import ShardedPresence
from tests.rooms.live.test_presence import ALICE, BOB, HALL, KITCHEN, LEASE_S, RING, Processes, person
from tests.support.services import Redis


class Shards:
    """Presence objects over two servers and one clock, as processes have them."""

    def __init__(self, first: Redis, second: Redis, stack: AsyncExitStack) -> None:
        self.servers = [Processes(first, stack), Processes(second, stack)]

    async def start(self, lease_s: float = LEASE_S) -> ShardedPresence:
        return ShardedPresence([await server.start(lease_s) for server in self.servers], RING)

    async def pass_doubt(self, *living: Presence) -> list[Departure]:
        """As `Processes.pass_doubt`, with the same clock for both servers."""
        reported: list[Departure] = []
        for _ in range(3 * DOUBT_LEASES):
            for server in self.servers:
                server.now += LEASE_S / 3
            for presence in living:
                departures = await presence.renew()
                await presence.confirm(departures)
                reported += departures
        return reported


@pytest.fixture
async def shards(redis: Redis, second_redis: Redis) -> AsyncIterator[Shards]:
    async with AsyncExitStack() as stack:
        yield Shards(redis, second_redis, stack)


async def test_each_room_is_on_one_server_and_who_is_online_on_all(
    shards: Shards, redis: Redis, second_redis: Redis
) -> None:
    one = await shards.start()
    await one.connect(ALICE)
    for room in (KITCHEN, HALL):
        await one.enter(room, "1")
    keys = []
    for server in (redis, second_redis):
        with closing(Client.from_url(server.url, decode_responses=True)) as client:
            keys.append({key for key in client.scan_iter() if "place:" in key})
    assert keys == [{"chat:place:0", f"chat:place:{KITCHEN}"}, {"chat:place:0", f"chat:place:{HALL}"}]


async def test_the_people_of_a_dead_process_depart_from_the_rooms_of_every_server(shards: Shards) -> None:
    living, dead = await shards.start(), await shards.start(lease_s=0)
    await dead.connect(ALICE)
    for room in (KITCHEN, HALL):
        await dead.enter(room, "1")
    departures = await living.renew()
    assert set(departures) == {(KITCHEN, ALICE), (HALL, ALICE)}
    assert await living.online() == []
    await living.confirm(departures)
    assert await living.renew() == []


@pytest.mark.parametrize("away", [0, 1])
async def test_with_one_server_away_the_others_rooms_are_whole_and_everybody_is_online(
    shards: Shards, redis: Redis, second_redis: Redis, away: int
) -> None:
    one, two = await shards.start(), await shards.start()
    for process, who in ((one, ALICE), (two, BOB)):
        await process.connect(who)
        for room in (KITCHEN, HALL):
            await process.enter(room, who.user_id)
    lost, kept = (KITCHEN, HALL) if away == 0 else (HALL, KITCHEN)
    server = (redis, second_redis)[away]
    server.kill()
    assert await one.counts([lost, kept]) == {lost: 1, kept: 2}, "of the lost server's rooms its own people are known"
    assert await one.online() == [ALICE, BOB]
    assert {room: len(people) for room, people in (await one.rooms()).items()} == {lost: 1, kept: 2}
    assert await one.connect(person(3)) == 1, "as the server that answers knows it"
    assert not one.reachable()
    server.restart()
    for process in (one, two):
        await process.renew()
    assert one.reachable()
    assert await two.counts([lost, kept]) == {lost: 2, kept: 2}
    assert {who.user_id for who in await two.online()} == {"1", "2", "3"}


async def test_only_rooms_of_a_server_that_was_away_are_not_certainly_empty(shards: Shards, redis: Redis) -> None:
    one = await shards.start()
    await shards.pass_doubt(one)
    redis.restart()
    for _ in range(2):  # the first meets the old connections
        await one.renew()
    assert not await one.is_empty(KITCHEN)
    assert await one.is_empty(HALL)
    await shards.pass_doubt(one)
    assert await one.is_empty(KITCHEN)
