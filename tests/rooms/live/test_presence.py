"""Who is where: one contract for all implementations, then what only Redis and several processes can show."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from redis import Redis as Client
from redis.exceptions import ConnectionError as RedisConnectionError

from rooms.live import presence_scripts as scripts
from rooms.live.presence import Change, Departure, MemoryPresence, Online, Presence
from rooms.live.redis_client import MAX_CONNECTIONS
from rooms.live.redis_presence import DOUBT_LEASES, RedisPresence
from rooms.live.sharded_presence import ShardedPresence
from rooms.redis_hosts import Ring
from tests.support.services import Redis

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LEASE_S = 60.0
RING = Ring("chat", 2)
KITCHEN, HALL = 1, 8  # on different servers of the ring


def person(user_id: int, name: str = "", minutes: int = 0, address: str = "::1") -> Online:
    return Online(str(user_id), name or f"user-{user_id}", START + timedelta(minutes=minutes), address)


ALICE, BOB = person(1, "alice"), person(2, "bob", minutes=1)


class Processes:
    """Presence objects over one Redis and one clock, as processes have them; one that dies is not renewed again."""

    def __init__(self, redis: Redis, stack: AsyncExitStack) -> None:
        self.redis, self._stack = redis, stack
        self.now = 1_000.0

    async def start(self, lease_s: float = LEASE_S, *, prefix: str = "chat", database: int = 0) -> RedisPresence:
        host = {"address": f"{self.redis.url.removesuffix('/0')}/{database}"}
        presence = RedisPresence(host, lease_s=lease_s, prefix=prefix, clock=lambda: self.now)
        self._stack.push_async_callback(presence._redis.aclose)
        await presence.renew()
        return presence

    async def start_one_that_dies(self) -> RedisPresence:
        return await self.start(lease_s=0)

    async def pass_time(self, seconds: float, *living: Presence) -> list[Departure]:
        """These processes go on renewing while time passes; returns and confirms the departures they report."""
        reported: list[Departure] = []
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + LEASE_S / 3)
            for presence in living:
                departures = await presence.renew()
                await presence.confirm(departures)
                reported += departures
        return reported

    async def pass_doubt(self, *living: Presence) -> list[Departure]:
        return await self.pass_time(DOUBT_LEASES * LEASE_S, *living)


class Broken:
    """Stands for one call of a script that fails, before or after Redis has run it."""

    def __init__(self, presence: RedisPresence, script: str, *, call: int = 1, after: bool = False) -> None:
        self._run, self._script, self._left, self._after = presence._run, script, call, after
        presence._run = self  # type: ignore[method-assign]

    async def __call__(self, script: str, *args: Any) -> Any:
        self._left -= script == self._script
        fails = script == self._script and self._left == 0
        answer = None if fails and not self._after else await self._run(script, *args)
        if fails:
            raise RedisConnectionError
        return answer


@pytest.fixture
async def processes(redis: Redis) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as stack:
        yield Processes(redis, stack)


@pytest.fixture(params=[0, 1, 2], ids=["memory", "redis", "two-redis"])
async def presence(request: pytest.FixtureRequest) -> AsyncIterator[Presence]:
    """One that has run for a while, so that it is certain of what it knows."""
    if request.param == 0:
        yield MemoryPresence()
        return
    async with AsyncExitStack() as stack:
        servers = [request.getfixturevalue(name) for name in ("redis", "second_redis")[: request.param]]
        processes = [Processes(redis, stack) for redis in servers]
        shards = [await process.start() for process in processes]
        for process, shard in zip(processes, shards, strict=True):
            await process.pass_doubt(shard)
        yield shards[0] if request.param == 1 else ShardedPresence(shards, RING)


# --- The contract -----------------------------------------------------------------------------------------------------
async def test_at_first_nobody_is_anywhere(presence: Presence) -> None:
    assert await presence.online() == []
    assert await presence.rooms() == {}
    assert await presence.counts([KITCHEN]) == {KITCHEN: 0}
    assert await presence.counts([]) == {}
    assert await presence.renew() == []
    assert presence.reachable()


async def test_the_first_socket_and_the_last_are_marked(presence: Presence) -> None:
    assert await presence.connect(ALICE) == 1
    assert await presence.connect(ALICE) == 2
    assert await presence.enter(KITCHEN, "1") == Change(True, 1)
    assert await presence.enter(KITCHEN, "1") == Change(False, 1)
    assert await presence.leave(KITCHEN, "1") == Change(False, 1)
    assert await presence.leave(KITCHEN, "1") == Change(True, 0)
    assert await presence.disconnect("1") == Change(False, 1)
    assert await presence.disconnect("1") == Change(True, 0)


async def test_two_sockets_of_one_user_are_one_person(presence: Presence) -> None:
    for _ in range(2):
        await presence.connect(ALICE)
        await presence.enter(KITCHEN, "1")
    assert await presence.online() == [ALICE]
    assert await presence.rooms() == {KITCHEN: [ALICE]}
    assert await presence.counts([KITCHEN]) == {KITCHEN: 1}


async def test_a_renamed_user_is_online_under_the_new_name_since_the_same_time(presence: Presence) -> None:
    await presence.connect(ALICE)
    await presence.enter(KITCHEN, "1")
    await presence.rename("1", "alicia")
    renamed = msgspec.structs.replace(ALICE, username="alicia")
    assert await presence.online() == [renamed]
    assert await presence.rooms() == {KITCHEN: [renamed]}
    assert await presence.disconnect("1") == Change(True, 0)


async def test_renaming_a_user_who_is_not_online_changes_nothing(presence: Presence) -> None:
    await presence.rename("1", "alicia")
    assert await presence.online() == []


async def test_people_are_counted_room_by_room(presence: Presence) -> None:
    for one in (ALICE, BOB):
        await presence.connect(one)
        await presence.enter(KITCHEN, one.user_id)
    assert await presence.enter(HALL, "2") == Change(True, 1)
    assert await presence.counts([HALL, KITCHEN, 99]) == {HALL: 1, KITCHEN: 2, 99: 0}
    rooms = await presence.rooms()
    assert {room: sorted(one.username for one in there) for room, there in rooms.items()} == {
        KITCHEN: ["alice", "bob"],
        HALL: ["bob"],
    }


async def test_a_room_that_everybody_left_is_no_room_with_people(presence: Presence) -> None:
    await presence.connect(ALICE)
    await presence.enter(KITCHEN, "1")
    await presence.leave(KITCHEN, "1")
    assert await presence.rooms() == {}
    assert await presence.online() == [ALICE]


async def test_who_was_first_stands_first(presence: Presence) -> None:
    for one in (BOB, person(3, minutes=2), ALICE):
        await presence.connect(one)
    assert [one.user_id for one in await presence.online()] == ["1", "2", "3"]


async def test_a_person_is_shown_by_their_first_socket(presence: Presence) -> None:
    await presence.connect(ALICE)
    await presence.connect(person(1, "alice", minutes=5, address="10.0.0.1"))
    assert await presence.online() == [ALICE]
    await presence.disconnect("1")
    assert await presence.online() == [ALICE]
    await presence.disconnect("1")
    later = person(1, "alice", minutes=9)
    await presence.connect(later)
    assert await presence.online() == [later]


async def test_somebody_who_was_not_counted_leaves_nothing_behind(presence: Presence) -> None:
    """As one who was cut off while entering."""
    await presence.connect(ALICE)
    await presence.enter(KITCHEN, "1")
    assert (await presence.leave(KITCHEN, "2")).people == 1
    assert (await presence.leave(HALL, "1")).people == 0
    assert (await presence.disconnect("2")).people == 1
    assert await presence.rooms() == {KITCHEN: [ALICE]}
    assert await presence.online() == [ALICE]


async def test_a_room_is_empty_when_nobody_is_in_it(presence: Presence) -> None:
    assert await presence.is_empty(KITCHEN)
    await presence.connect(ALICE)
    await presence.enter(KITCHEN, "1")
    assert not await presence.is_empty(KITCHEN)
    assert await presence.is_empty(HALL)
    await presence.leave(KITCHEN, "1")
    assert await presence.is_empty(KITCHEN)


async def test_nothing_is_left_after_withdrawing(presence: Presence) -> None:
    await presence.connect(ALICE)
    await presence.enter(KITCHEN, "1")
    await presence.withdraw()
    assert await presence.online() == []
    assert await presence.rooms() == {}
    assert await presence.counts([KITCHEN]) == {KITCHEN: 0}


# --- Several processes ------------------------------------------------------------------------------------------------
async def test_people_are_counted_over_all_processes(processes: Processes) -> None:
    one, two = await processes.start(), await processes.start()
    await one.connect(ALICE)
    await one.enter(KITCHEN, "1")
    await two.connect(BOB)
    assert await two.enter(KITCHEN, "2") == Change(True, 2)
    for process in (one, two):
        assert await process.online() == [ALICE, BOB]
        assert await process.counts([KITCHEN]) == {KITCHEN: 2}
    assert await one.leave(KITCHEN, "1") == Change(True, 1)


async def test_a_user_on_two_processes_is_one_person(processes: Processes) -> None:
    one, two = await processes.start(), await processes.start()
    await one.connect(ALICE)
    assert await two.connect(ALICE) == 2
    await one.enter(KITCHEN, "1")
    assert await two.enter(KITCHEN, "1") == Change(False, 1)
    assert await one.leave(KITCHEN, "1") == Change(False, 1)
    assert await two.leave(KITCHEN, "1") == Change(True, 0)


async def test_a_process_that_closes_takes_only_its_own_people(processes: Processes) -> None:
    one, two = await processes.start(), await processes.start()
    for process in (one, two):
        await process.connect(ALICE)
        await process.enter(KITCHEN, "1")
    await two.connect(BOB)
    await two.enter(KITCHEN, "2")
    departures = await two.withdraw()
    assert departures == [(KITCHEN, BOB)], "alice is still there by the other process"
    await two.confirm(departures)
    await two.close()
    assert await one.online() == [ALICE]
    assert await one.counts([KITCHEN]) == {KITCHEN: 1}
    assert await processes.pass_time(2 * LEASE_S, one) == [], "nothing is left for another process to clean up"


async def test_the_people_of_a_dead_process_depart(processes: Processes) -> None:
    living, dead = await processes.start(), await processes.start_one_that_dies()
    for one in (ALICE, BOB):
        await dead.connect(one)
        await dead.enter(KITCHEN, one.user_id)
    await living.connect(BOB)
    await living.enter(KITCHEN, "2")
    departures = await living.renew()
    assert departures == [(KITCHEN, ALICE)], "bob is still there by the living process"
    assert await living.online() == [BOB]
    assert await living.rooms() == {KITCHEN: [BOB]}
    await living.confirm(departures)
    assert await living.renew() == [], "they leave once"


async def test_a_process_that_renews_its_lease_is_kept(processes: Processes) -> None:
    one, two = await processes.start(), await processes.start()
    await one.connect(ALICE)
    await one.enter(KITCHEN, "1")
    assert await processes.pass_time(10 * LEASE_S, one, two) == []
    assert await two.counts([KITCHEN]) == {KITCHEN: 1}


async def test_a_process_whose_lease_is_not_renewed_is_dropped_when_it_has_expired(processes: Processes) -> None:
    living, dead = await processes.start(), await processes.start()
    await dead.connect(ALICE)
    await dead.enter(KITCHEN, "1")
    assert await processes.pass_time(LEASE_S, living) == []
    assert await processes.pass_time(LEASE_S / 3, living) == [(KITCHEN, ALICE)]


async def test_nobody_is_dropped_for_not_renewing_while_redis_was_away(processes: Processes) -> None:
    one, two = await processes.start(), await processes.start()
    await _enter_the_kitchen(two, ALICE)
    await one.renew()
    processes.now += LEASE_S / 3
    await one.renew()  # the other one would be next
    for _ in range(2):
        processes.now += LEASE_S / 3
        Broken(one, scripts.RENEW)
        await one.renew()
    processes.now += LEASE_S / 3 - 1
    assert await one.renew() == []
    assert await processes.pass_time(2 * LEASE_S, one, two) == []
    assert await one.counts([KITCHEN]) == {KITCHEN: 1}


async def test_each_process_is_held_to_its_own_lease(processes: Processes) -> None:
    """As in a rolling restart with another CHAT_PRESENCE_LEASE_S."""
    living, patient = await processes.start(), await processes.start(lease_s=5 * LEASE_S)
    await patient.connect(ALICE)
    await patient.enter(KITCHEN, "1")
    assert await processes.pass_time(5 * LEASE_S, living) == []
    assert await processes.pass_time(LEASE_S, living) == [(KITCHEN, ALICE)]


async def test_a_process_that_was_frozen_drops_nobody_for_what_it_did_not_see(processes: Processes) -> None:
    """A whole machine was stopped: whoever wakes first finds that nobody has renewed a lease."""
    one, two = await processes.start(), await processes.start()
    await two.connect(ALICE)
    await two.enter(KITCHEN, "1")
    await one.renew()
    processes.now += 10 * LEASE_S
    assert await one.renew() == []
    assert await processes.pass_time(2 * LEASE_S, one, two) == []


async def test_a_process_that_was_dropped_alive_counts_its_people_again(processes: Processes) -> None:
    living, stalled = await processes.start(), await processes.start_one_that_dies()
    await stalled.connect(ALICE)
    await stalled.enter(KITCHEN, "1")
    await living.renew()
    assert await living.online() == []
    await stalled.renew()
    assert await living.online() == [ALICE]
    assert await stalled.leave(KITCHEN, "1") == Change(True, 0)


async def test_a_process_that_was_dropped_alive_takes_nobody_of_another_one_off(processes: Processes) -> None:
    living, stalled = await processes.start(), await processes.start_one_that_dies()
    for process in (stalled, living):
        await process.connect(ALICE)
        await process.enter(KITCHEN, "1")
    await living.renew()
    assert await stalled.leave(KITCHEN, "1") == Change(False, 1)
    await stalled.disconnect("1")
    assert await living.online() == [ALICE]
    assert await living.counts([KITCHEN]) == {KITCHEN: 1}
    assert await living.leave(KITCHEN, "1") == Change(True, 0)


# --- Departures are reported at least once ----------------------------------------------------------------------------
async def _dies_in_the_kitchen(processes: Processes, *people: Online) -> None:
    await _enter_the_kitchen(await processes.start_one_that_dies(), *people)


async def _enter_the_kitchen(presence: Presence, *people: Online) -> None:
    for one in people:
        await presence.connect(one)
        await presence.enter(KITCHEN, one.user_id)


async def test_departures_are_returned_until_they_are_confirmed(processes: Processes) -> None:
    living = await processes.start()
    await _dies_in_the_kitchen(processes, ALICE, BOB)
    assert set(await living.renew()) == {(KITCHEN, ALICE), (KITCHEN, BOB)}
    await living.confirm([Departure(KITCHEN, ALICE)])
    assert await living.renew() == [(KITCHEN, BOB)]
    await living.confirm([Departure(KITCHEN, BOB)])
    assert await living.renew() == []


@pytest.mark.parametrize("after", [False, True], ids=["before Redis ran it", "after Redis ran it"])
async def test_the_departures_of_one_process_survive_that_dropping_another_fails(
    processes: Processes, after: bool
) -> None:
    living, *dead = [await processes.start(lease_s) for lease_s in (LEASE_S, 0, 0)]
    for process, one in zip(dead, (ALICE, BOB), strict=True):
        await _enter_the_kitchen(process, one)
    Broken(living, scripts.DROP, call=2, after=after)
    reported = {*await living.renew(), *await living.renew()}
    assert reported == {(KITCHEN, ALICE), (KITCHEN, BOB)}


async def test_departures_survive_a_redis_that_is_emptied_before_they_are_confirmed(
    processes: Processes, redis: Redis
) -> None:
    living = await processes.start()
    await _dies_in_the_kitchen(processes, ALICE)
    assert await living.renew() == [(KITCHEN, ALICE)]
    redis.empty()
    assert await living.renew() == [(KITCHEN, ALICE)]


async def test_departures_survive_the_process_that_dropped_the_dead_one(processes: Processes) -> None:
    living, second = await processes.start(), await processes.start()
    await _dies_in_the_kitchen(processes, ALICE)
    assert await second.renew() == [(KITCHEN, ALICE)]  # and is killed before it has told anybody
    assert await processes.pass_time(2 * LEASE_S, living) == [(KITCHEN, ALICE)]


async def test_departures_survive_a_shutdown_that_cannot_broadcast_them(processes: Processes) -> None:
    living, stopping = await processes.start(), await processes.start()
    await stopping.connect(ALICE)
    await stopping.enter(KITCHEN, "1")
    assert await stopping.withdraw() == [(KITCHEN, ALICE)]
    await stopping.close()  # the database was away: nothing is confirmed
    assert await living.counts([KITCHEN]) == {KITCHEN: 0}
    assert await processes.pass_time(2 * LEASE_S, living) == [(KITCHEN, ALICE)]


async def test_a_share_that_could_not_be_withdrawn_is_dropped_by_another_process(processes: Processes) -> None:
    living, stopping = await processes.start(), await processes.start()
    await stopping.connect(ALICE)
    await stopping.enter(KITCHEN, "1")
    Broken(stopping, scripts.WITHDRAW)
    assert await stopping.withdraw() == []
    await stopping.close()
    assert await processes.pass_time(2 * LEASE_S, living) == [(KITCHEN, ALICE)]


async def test_somebody_who_is_back_before_the_departure_is_reported_has_not_left(processes: Processes) -> None:
    living = await processes.start()
    await _dies_in_the_kitchen(processes, ALICE)
    assert await living.renew() == [(KITCHEN, ALICE)]
    await living.connect(ALICE)
    await living.enter(KITCHEN, "1")
    assert await living.renew() == []


async def test_a_record_of_another_version_ends_nothing(processes: Processes, redis: Redis) -> None:
    living = await processes.start()
    await _dies_in_the_kitchen(processes, ALICE, BOB)
    with closing(Client.from_url(redis.url)) as client:
        client.hset("chat:people", "1", msgspec.json.encode({"userId": 1}))
    assert await living.online() == [BOB]
    assert await living.rooms() == {KITCHEN: [BOB]}
    assert await living.renew() == [(KITCHEN, BOB)]


# --- No ghosts --------------------------------------------------------------------------------------------------------
async def test_a_process_that_was_dropped_counts_somebody_and_dies_leaves_no_ghost(processes: Processes) -> None:
    living, stalled = await processes.start(), await processes.start()
    assert await processes.pass_time(2 * LEASE_S, living) == []
    await stalled.connect(ALICE)
    await stalled.enter(KITCHEN, "1")  # before its next renewal, which does not come
    assert await processes.pass_time(2 * LEASE_S, living) == [(KITCHEN, ALICE)]
    assert await living.online() == []


async def test_a_process_that_was_dropped_and_counted_somebody_since_still_counts_the_others_again(
    processes: Processes,
) -> None:
    living, stalled = await processes.start(), await processes.start()
    await stalled.connect(ALICE)
    await processes.pass_time(2 * LEASE_S, living)
    await stalled.connect(BOB)
    await stalled.renew()
    assert await living.online() == [ALICE, BOB]


async def test_a_process_that_renews_while_it_is_being_dropped_is_kept(processes: Processes) -> None:
    living, late = await processes.start(), await processes.start()
    await late.connect(ALICE)
    run = living._run

    async def renew_in_between(script: str, *args: object) -> object:
        if script == scripts.DROP:
            await late.renew()
        return await run(script, *args)

    living._run = renew_in_between  # type: ignore[method-assign]
    await processes.pass_time(2 * LEASE_S, living)
    assert await living.online() == [ALICE]


# --- Certainty that a room is empty -----------------------------------------------------------------------------------
async def test_no_room_is_certainly_empty_when_a_process_has_just_started(processes: Processes) -> None:
    one = await processes.start()
    assert not await one.is_empty(KITCHEN)
    await processes.pass_doubt(one)
    assert await one.is_empty(KITCHEN)


async def test_no_room_is_certainly_empty_after_redis_was_emptied(processes: Processes, redis: Redis) -> None:
    one, two = await processes.start(), await processes.start()
    await two.connect(ALICE)
    await two.enter(KITCHEN, "1")
    await processes.pass_doubt(one, two)
    redis.empty()
    assert not await one.is_empty(KITCHEN), "nobody has renewed yet"
    await one.renew()
    assert not await one.is_empty(KITCHEN), "the other process has not counted its people again"
    assert not await one.is_empty(HALL)
    await processes.pass_doubt(one, two)
    assert not await one.is_empty(KITCHEN)
    assert await one.is_empty(HALL)


async def test_no_room_is_certainly_empty_while_redis_is_away_and_for_a_while_after(
    processes: Processes, redis: Redis
) -> None:
    one = await processes.start()
    await processes.pass_doubt(one)
    redis.kill()
    assert not await one.is_empty(KITCHEN)
    redis.restart()
    await one.renew()
    assert not await one.is_empty(KITCHEN)
    await processes.pass_doubt(one)
    assert await one.is_empty(KITCHEN)


async def test_no_room_is_certainly_empty_after_a_process_with_people_was_dropped(processes: Processes) -> None:
    """It may be only frozen, with its clients still connected."""
    one, two, frozen = [await processes.start() for _ in range(3)]
    await frozen.connect(ALICE)
    await frozen.enter(KITCHEN, "1")
    await processes.pass_doubt(one, two, frozen)
    assert await processes.pass_time(LEASE_S * 4 / 3, one, two) == [(KITCHEN, ALICE)]
    for process in (one, two):
        assert not await process.is_empty(KITCHEN)
    await processes.pass_time(LEASE_S, one, two)
    await frozen.renew()
    await processes.pass_doubt(one, two, frozen)
    for process in (one, two):
        assert not await process.is_empty(KITCHEN)
        assert await process.is_empty(HALL)


async def test_no_room_is_certainly_empty_after_one_call_of_redis_has_failed(processes: Processes) -> None:
    """Calls of others may have failed too, and their people are not counted then."""
    one = await processes.start()
    await processes.pass_doubt(one)
    Broken(one, scripts.LOOK)
    assert not await one.is_empty(KITCHEN)
    await one.renew()
    assert not await one.is_empty(KITCHEN)
    await processes.pass_doubt(one)
    assert await one.is_empty(KITCHEN)


async def test_a_process_that_died_without_people_leaves_no_doubt(processes: Processes) -> None:
    one = await processes.start()
    await processes.pass_doubt(one)
    died = await processes.start()
    await processes.pass_time(LEASE_S / 3, one, died)
    assert await processes.pass_time(2 * LEASE_S, one) == []
    assert await one.is_empty(KITCHEN)


async def test_a_process_that_stopped_leaves_no_doubt(processes: Processes) -> None:
    one, two = await processes.start(), await processes.start()
    await two.connect(ALICE)
    await two.enter(KITCHEN, "1")
    await processes.pass_doubt(one, two)
    await two.confirm(await two.withdraw())
    await two.close()
    assert await one.is_empty(KITCHEN)


# --- One server for several installations -----------------------------------------------------------------------------
async def test_installations_with_different_prefixes_do_not_count_each_other(processes: Processes) -> None:
    ours, theirs = await processes.start(), await processes.start(prefix="staging")
    elsewhere, dead = await processes.start(database=1), await processes.start(lease_s=0, prefix="staging")
    same = await processes.start()
    for process in (ours, dead):
        await process.connect(ALICE)
        await process.enter(KITCHEN, "1")
    assert await ours.renew() == []
    assert await theirs.renew() == [(KITCHEN, ALICE)]
    assert await same.counts([KITCHEN]) == {KITCHEN: 1}
    assert await theirs.counts([KITCHEN]) == await elsewhere.counts([KITCHEN]) == {KITCHEN: 0}


async def test_many_changes_at_once_leave_few_connections(processes: Processes, redis: Redis) -> None:
    one = await processes.start()
    with closing(Client.from_url(redis.url)) as client:
        before = {known["id"] for known in client.client_list()}
        sockets = await asyncio.gather(*(one.connect(person(number)) for number in range(1, 601)))
        opened = [known for known in client.client_list() if known["id"] not in before]
    assert set(sockets) == {1}
    assert len(await one.online()) == 600
    assert len(opened) < MAX_CONNECTIONS


# --- Redis is lost ----------------------------------------------------------------------------------------------------
async def test_what_an_emptied_redis_forgot_is_counted_again(processes: Processes, redis: Redis) -> None:
    one, two = await processes.start(), await processes.start()
    for _ in range(2):
        await one.connect(ALICE)
        await one.enter(KITCHEN, "1")
    await two.connect(BOB)
    await two.enter(KITCHEN, "2")
    redis.empty()
    assert await one.online() == []
    for process in (one, two):
        assert await process.renew() == []
    assert await one.online() == [ALICE, BOB]
    assert await one.counts([KITCHEN]) == {KITCHEN: 2}
    assert await one.leave(KITCHEN, "1") == Change(False, 2)
    assert await one.leave(KITCHEN, "1") == Change(True, 1)


async def test_without_redis_a_process_knows_its_own_people(processes: Processes, redis: Redis) -> None:
    one, two = await processes.start(), await processes.start()
    await one.connect(ALICE)
    await two.connect(BOB)
    await two.enter(KITCHEN, "2")
    redis.kill()
    assert await one.enter(KITCHEN, "1") == Change(True, 1)
    assert await one.counts([KITCHEN, HALL]) == {KITCHEN: 1, HALL: 0}
    assert await one.online() == [ALICE]
    assert await one.rooms() == {KITCHEN: [ALICE]}
    assert await one.renew() == []
    assert await two.leave(KITCHEN, "2") == Change(True, 0)
    assert not one.reachable()
    redis.restart()
    for process in (one, two):
        await process.renew()
    assert one.reachable()
    assert await two.online() == [ALICE, BOB]
    assert await two.counts([KITCHEN]) == {KITCHEN: 1}


async def test_a_change_in_flight_while_the_share_is_rewritten_is_counted_once(
    processes: Processes, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await processes.start()
    await one.connect(ALICE)
    run, go_on = one._run, asyncio.Event()

    async def late_change(script: str, *args: object) -> object:
        if script == scripts.CHANGE:
            await go_on.wait()
        return await run(script, *args)

    with monkeypatch.context() as patch:
        patch.setattr(one, "_run", late_change)
        entering = asyncio.ensure_future(one.enter(KITCHEN, "1"))
        await asyncio.sleep(0)
        redis.empty()
        await one.renew()
        go_on.set()
        await entering
    await one.renew()
    assert await one.leave(KITCHEN, "1") == Change(True, 0)


async def test_an_old_copy_with_which_redis_restarts_is_replaced(processes: Processes, redis: Redis) -> None:
    one, two = await processes.start(), await processes.start()
    await one.connect(ALICE)
    await one.enter(KITCHEN, "1")
    with closing(Client.from_url(redis.url)) as client:
        copy = {key: client.dump(key) for key in client.scan_iter()}
    await one.leave(KITCHEN, "1")
    await one.connect(BOB)
    redis.kill()
    redis.restart()
    await one._redis.connection_pool.disconnect()  # as between two renewals: no call fails
    with closing(Client.from_url(redis.url)) as client:
        for key, value in copy.items():
            client.restore(key, 0, value)
    for process in (one, two):
        await process.renew()
    assert await two.online() == [ALICE, BOB]
    assert await two.counts([KITCHEN]) == {KITCHEN: 0}


async def test_withdrawing_without_redis_is_quiet(processes: Processes, redis: Redis) -> None:
    one = await processes.start()
    await one.connect(ALICE)
    redis.kill()
    assert await one.withdraw() == []


# --- Keys of any user model -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["14e909a1-d5b3-4368-938a-beeae62021d7", "K 7 anna", "安娜 {1}"])
async def test_who_left_with_a_dead_process_is_named_whatever_their_key(processes: Processes, key: str) -> None:
    living, dying = await processes.start(), await processes.start_one_that_dies()
    anna = Online(key, "Anna", START)
    for room in (KITCHEN, HALL):
        await dying.connect(anna)
        await dying.enter(room, key)
    await living.connect(anna)
    await living.enter(HALL, key)  # where she still is
    assert await processes.pass_doubt(living) == [Departure(KITCHEN, anna)]
    assert await living.rooms() == {HALL: [anna]}
