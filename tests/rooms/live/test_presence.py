"""Who is anywhere: one contract for both implementations, then what only Redis and several processes can show."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from rooms.delivery.presence import Change, MemoryPresence, Online, Presence
from rooms.delivery.redis_presence import RedisPresence
from tests.support.services import Redis

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LEASE_S = 60.0
KITCHEN, HALL = 1, 2


def person(user_id: int, name: str = "", minutes: int = 0, address: str = "::1") -> Online:
    return Online(user_id, name or f"user-{user_id}", START + timedelta(minutes=minutes), address)


ALICE, BOB = person(1, "alice"), person(2, "bob", minutes=1)


class Processes:
    """Presence objects over one Redis, as its processes have them; a dead one never beats again."""

    def __init__(self, redis: Redis, stack: AsyncExitStack) -> None:
        self.redis, self._stack = redis, stack

    async def start(self, lease_s: float = LEASE_S) -> RedisPresence:
        presence = RedisPresence(self.redis.url, lease_s=lease_s)
        self._stack.push_async_callback(presence.disconnect)
        await presence.beat()
        return presence

    async def start_one_that_dies(self) -> RedisPresence:
        return await self.start(lease_s=0)


@pytest.fixture
async def processes(redis: Redis) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as stack:
        yield Processes(redis, stack)


@pytest.fixture(params=["memory", "redis"])
async def presence(request: pytest.FixtureRequest) -> AsyncIterator[Presence]:
    if request.param == "memory":
        yield MemoryPresence()
        return
    redis = request.getfixturevalue("redis")
    async with AsyncExitStack() as stack:
        yield await Processes(redis, stack).start()


# --- The contract -----------------------------------------------------------------------------------------------------
async def test_at_first_nobody_is_anywhere(presence: Presence) -> None:
    assert await presence.online() == []
    assert await presence.rooms() == {}
    assert await presence.counts([KITCHEN]) == {KITCHEN: 0}
    assert await presence.counts([]) == {}
    assert await presence.beat() == []
    assert presence.reachable()


async def test_the_first_socket_in_and_the_last_one_out_are_news(presence: Presence) -> None:
    assert await presence.arrive(ALICE) == Change(True, 1)
    assert await presence.arrive(ALICE) == Change(False, 1)
    assert await presence.enter(KITCHEN, 1) == Change(True, 1)
    assert await presence.enter(KITCHEN, 1) == Change(False, 1)
    assert await presence.leave(KITCHEN, 1) == Change(False, 1)
    assert await presence.leave(KITCHEN, 1) == Change(True, 0)
    assert await presence.depart(1) == Change(False, 1)
    assert await presence.depart(1) == Change(True, 0)


async def test_two_sockets_of_one_user_are_one_person(presence: Presence) -> None:
    for _ in range(2):
        await presence.arrive(ALICE)
        await presence.enter(KITCHEN, 1)
    assert await presence.online() == [ALICE]
    assert await presence.rooms() == {KITCHEN: [ALICE]}
    assert await presence.counts([KITCHEN]) == {KITCHEN: 1}


async def test_people_are_counted_room_by_room(presence: Presence) -> None:
    for one in (ALICE, BOB):
        await presence.arrive(one)
        await presence.enter(KITCHEN, one.user_id)
    assert await presence.enter(HALL, 2) == Change(True, 1)
    assert await presence.counts([HALL, KITCHEN, 99]) == {HALL: 1, KITCHEN: 2, 99: 0}
    rooms = await presence.rooms()
    assert {room: sorted(one.username for one in there) for room, there in rooms.items()} == {
        KITCHEN: ["alice", "bob"],
        HALL: ["bob"],
    }


async def test_a_room_that_everybody_left_is_no_room_with_people(presence: Presence) -> None:
    await presence.arrive(ALICE)
    await presence.enter(KITCHEN, 1)
    await presence.leave(KITCHEN, 1)
    assert await presence.rooms() == {}
    assert await presence.online() == [ALICE]


async def test_who_was_first_stands_first(presence: Presence) -> None:
    for one in (BOB, person(3, minutes=2), ALICE):
        await presence.arrive(one)
    assert [one.user_id for one in await presence.online()] == [1, 2, 3]


async def test_a_person_is_shown_by_their_first_socket(presence: Presence) -> None:
    await presence.arrive(ALICE)
    await presence.arrive(person(1, "alice", minutes=5, address="10.0.0.1"))
    assert await presence.online() == [ALICE]
    await presence.depart(1)
    assert await presence.online() == [ALICE]
    await presence.depart(1)
    later = person(1, "alice", minutes=9)
    await presence.arrive(later)
    assert await presence.online() == [later]


async def test_somebody_who_was_not_counted_leaves_nothing_behind(presence: Presence) -> None:
    """As one who was cut off while entering."""
    await presence.arrive(ALICE)
    await presence.enter(KITCHEN, 1)
    assert (await presence.leave(KITCHEN, 2)).people == 1
    assert (await presence.leave(HALL, 1)).people == 0
    assert (await presence.depart(2)).people == 1
    assert await presence.rooms() == {KITCHEN: [ALICE]}
    assert await presence.online() == [ALICE]


async def test_nothing_is_left_after_closing(presence: Presence) -> None:
    await presence.arrive(ALICE)
    await presence.enter(KITCHEN, 1)
    await presence.close()
    assert await presence.online() == []
    assert await presence.rooms() == {}
    assert await presence.counts([KITCHEN]) == {KITCHEN: 0}


# --- Several processes ------------------------------------------------------------------------------------------------
async def test_people_are_counted_over_all_processes(processes: Processes) -> None:
    one, two = await processes.start(), await processes.start()
    await one.arrive(ALICE)
    await one.enter(KITCHEN, 1)
    await two.arrive(BOB)
    assert await two.enter(KITCHEN, 2) == Change(True, 2)
    for process in (one, two):
        assert await process.online() == [ALICE, BOB]
        assert await process.counts([KITCHEN]) == {KITCHEN: 2}
    assert await one.leave(KITCHEN, 1) == Change(True, 1)


async def test_a_user_on_two_processes_is_one_person(processes: Processes) -> None:
    one, two = await processes.start(), await processes.start()
    await one.arrive(ALICE)
    assert await two.arrive(ALICE) == Change(False, 1)
    await one.enter(KITCHEN, 1)
    assert await two.enter(KITCHEN, 1) == Change(False, 1)
    assert await one.leave(KITCHEN, 1) == Change(False, 1)
    assert await two.leave(KITCHEN, 1) == Change(True, 0)


async def test_a_process_that_closes_takes_only_its_own_people(processes: Processes) -> None:
    one, two = await processes.start(), await processes.start()
    for process in (one, two):
        await process.arrive(ALICE)
        await process.enter(KITCHEN, 1)
    await two.arrive(BOB)
    await two.enter(KITCHEN, 2)
    assert await two.close() == [(KITCHEN, BOB)], "alice is still there by the other process"
    assert await one.online() == [ALICE]
    assert await one.counts([KITCHEN]) == {KITCHEN: 1}
    assert await one.beat() == [], "a process that closed needs no other to clean up after it"


async def test_the_people_of_a_dead_process_are_let_go(processes: Processes) -> None:
    living, dead = await processes.start(), await processes.start_one_that_dies()
    for one in (ALICE, BOB):
        await dead.arrive(one)
        await dead.enter(KITCHEN, one.user_id)
    await living.arrive(BOB)
    await living.enter(KITCHEN, 2)
    left = await living.beat()
    assert left == [(KITCHEN, ALICE)], "bob is still there by the living process"
    assert await living.online() == [BOB]
    assert await living.rooms() == {KITCHEN: [BOB]}
    assert await living.beat() == [], "they leave once"


async def test_a_process_that_beats_is_not_let_go(processes: Processes) -> None:
    one, two = await processes.start(), await processes.start()
    await one.arrive(ALICE)
    await one.enter(KITCHEN, 1)
    assert await two.beat() == []
    assert await two.counts([KITCHEN]) == {KITCHEN: 1}


async def test_a_process_taken_for_dead_writes_its_people_anew(processes: Processes) -> None:
    living, stalled = await processes.start(), await processes.start_one_that_dies()
    await stalled.arrive(ALICE)
    await stalled.enter(KITCHEN, 1)
    await living.beat()
    assert await living.online() == []
    await stalled.beat()
    assert await living.online() == [ALICE]
    assert await stalled.leave(KITCHEN, 1) == Change(True, 0)


async def test_a_process_taken_for_dead_takes_nobody_of_another_one(processes: Processes) -> None:
    living, stalled = await processes.start(), await processes.start_one_that_dies()
    for process in (stalled, living):
        await process.arrive(ALICE)
        await process.enter(KITCHEN, 1)
    await living.beat()
    assert await stalled.leave(KITCHEN, 1) == Change(False, 1)
    await stalled.depart(1)
    assert await living.online() == [ALICE]
    assert await living.counts([KITCHEN]) == {KITCHEN: 1}
    assert await living.leave(KITCHEN, 1) == Change(True, 0)


# --- Redis is lost ----------------------------------------------------------------------------------------------------
async def test_what_an_emptied_redis_forgot_is_written_anew(processes: Processes, redis: Redis) -> None:
    one, two = await processes.start(), await processes.start()
    for _ in range(2):
        await one.arrive(ALICE)
        await one.enter(KITCHEN, 1)
    await two.arrive(BOB)
    await two.enter(KITCHEN, 2)
    redis.empty()
    assert await one.online() == []
    for process in (one, two):
        assert await process.beat() == []
    assert await one.online() == [ALICE, BOB]
    assert await one.counts([KITCHEN]) == {KITCHEN: 2}
    assert await one.leave(KITCHEN, 1) == Change(False, 2)
    assert await one.leave(KITCHEN, 1) == Change(True, 1)


async def test_without_redis_a_process_knows_its_own_people(processes: Processes, redis: Redis) -> None:
    one, two = await processes.start(), await processes.start()
    await one.arrive(ALICE)
    await two.arrive(BOB)
    await two.enter(KITCHEN, 2)
    redis.kill()
    start = monotonic()
    assert await one.enter(KITCHEN, 1) == Change(True, 1)
    assert await one.counts([KITCHEN, HALL]) == {KITCHEN: 1, HALL: 0}
    assert await one.online() == [ALICE]
    assert await one.rooms() == {KITCHEN: [ALICE]}
    assert await one.beat() == []
    assert await two.leave(KITCHEN, 2) == Change(True, 0)
    assert monotonic() - start < 5, "a refused connection is not waited for"
    assert not one.reachable()
    redis.restart()
    for process in (one, two):
        await process.beat()
    assert one.reachable()
    assert await two.online() == [ALICE, BOB]
    assert await two.counts([KITCHEN]) == {KITCHEN: 1}


async def test_a_change_under_way_is_counted_once_after_writing_anew(
    processes: Processes, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await processes.start()
    await one.arrive(ALICE)
    change, go_on = one._change, asyncio.Event()

    async def late_change(args: list[object]) -> object:
        await go_on.wait()
        return await change(args=args)

    with monkeypatch.context() as patch:
        patch.setattr(one, "_change", late_change)
        entering = asyncio.ensure_future(one.enter(KITCHEN, 1))
        await asyncio.sleep(0)
        redis.empty()
        await one.beat()
        go_on.set()
        await entering
    await one.beat()
    assert await one.leave(KITCHEN, 1) == Change(True, 0)


async def test_closing_without_redis_is_quiet(processes: Processes, redis: Redis) -> None:
    one = await processes.start()
    await one.arrive(ALICE)
    redis.kill()
    assert await one.close() == []
