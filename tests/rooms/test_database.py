"""The one way to the ORM: threads that keep their connections, side by side, and a lost database is `Unavailable`."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from accounts.models import User
from rooms import database
from rooms.conf import conf
from rooms.errors import NoSuchRoom, Unavailable
from tests.support.machine import eventually
from tests.support.servers import Database
from tests.support.services import Postgres


@pytest.fixture
def on_postgres(postgres: Postgres, postgres_url: str, django_db_blocker: Any) -> Iterator[Database]:
    other = Database(postgres_url, django_db_blocker)
    yield other
    other.close()


@pytest.mark.django_db(transaction=True)
async def test_a_call_reads_and_writes_the_database(make_user: Any) -> None:
    user = await database.call(make_user, "alice")
    assert await database.call(User.objects.get, username="alice") == user


async def test_a_call_answers_and_raises_what_the_function_does() -> None:
    def refuse(reason: str) -> None:
        raise NoSuchRoom(reason)

    assert await database.call(lambda value, *, plus: value + plus, 1, plus=2) == 3
    with pytest.raises(NoSuchRoom, match="gone"):
        await database.call(refuse, "gone")


async def test_calls_run_side_by_side_as_many_as_the_setting_says() -> None:
    meeting = threading.Barrier(conf.CHAT_DATABASE_THREADS)
    await asyncio.gather(*(database.call(meeting.wait, 10) for _ in range(conf.CHAT_DATABASE_THREADS)))


def store(function: Callable[[Any], Any], items: Any = None, *, begin: Any = database.store) -> asyncio.Future[Any]:
    """The outcome of a function on the writing thread: what it answered or raised."""
    outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    begin(function, items, outcome.set_result)
    return outcome


async def test_storing_waits_for_no_reader() -> None:
    stored = threading.Event()
    reading = [asyncio.ensure_future(database.call(stored.wait, 10)) for _ in range(conf.CHAT_DATABASE_THREADS + 1)]
    await store(lambda _: stored.set())
    assert all(await asyncio.gather(*reading))


async def test_storing_keeps_to_one_thread_and_to_the_order_it_was_asked_in() -> None:
    done: list[int] = []

    def note(number: int) -> int:
        done.append(number)
        return threading.get_ident()

    threads = await asyncio.gather(*(store(note, number) for number in range(20)))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()
    assert done == list(range(20))


async def test_storing_waits_for_none_who_wait_for_a_locked_room() -> None:
    unlocked = threading.Event()
    held = [store(lambda _: unlocked.wait(10), begin=database.store_held) for _ in range(database.HELD_THREADS + 1)]
    await store(lambda _: unlocked.set())
    assert all(await asyncio.gather(*held))


@pytest.mark.parametrize("begin", [database.store, database.store_held])
async def test_what_storing_raises_is_its_outcome(begin: Any) -> None:
    def refuse(_: object) -> None:
        raise NoSuchRoom

    def lose(_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    outcomes = [await store(function, begin=begin) for function in (refuse, lose)]
    assert [type(outcome) for outcome in outcomes] == [NoSuchRoom, Unavailable]


async def test_what_is_stored_after_its_loop_has_ended_is_answered_to_nobody() -> None:
    go_on, finished = threading.Event(), threading.Event()

    def work(_: object) -> None:
        assert go_on.wait(10)

    async def begin() -> None:
        database.store(work, None, lambda _: None)

    await asyncio.to_thread(asyncio.run, begin())
    go_on.set()
    await store(lambda _: finished.set())
    assert finished.is_set(), "the thread goes on"


@pytest.mark.django_db(transaction=True)
async def test_a_thread_keeps_its_connection() -> None:
    def opened(_: object) -> Any:
        connection.ensure_connection()
        return connection.connection

    first = await store(opened)
    assert await store(opened) is first


class Counter:
    """Answers 1, 2, 3…, each when it is let go on."""

    def __init__(self) -> None:
        self.calls = 0
        self.go_on = threading.Event()

    def __call__(self, fail: bool = False) -> int:
        self.calls += 1
        number = self.calls
        assert self.go_on.wait(10)
        if fail:
            raise NoSuchRoom
        return number


def ask(shared: database.Shared, counter: Counter, key: str = "lobby", **fields: Any) -> asyncio.Task[int]:
    return asyncio.ensure_future(shared.call(key, counter, **fields))


async def test_callers_who_ask_before_a_shared_call_begins_get_its_answer_and_later_ones_the_next() -> None:
    shared, counter = database.Shared(), Counter()
    early = [ask(shared, counter) for _ in range(3)]
    await eventually(lambda: counter.calls == 1)
    late = [ask(shared, counter) for _ in range(3)]
    await asyncio.ensure_future(shared.call("another", int))  # begins after they would have
    assert counter.calls == 1, "one runs at a time"
    counter.go_on.set()
    assert await asyncio.gather(*early, *late) == [1, 1, 1, 2, 2, 2]
    assert await ask(shared, counter) == 3
    assert (shared._gathering, shared._running) == ({}, {})


async def test_only_the_same_is_shared() -> None:
    shared, counter = database.Shared(), Counter()
    counter.go_on.set()
    assert sorted(await asyncio.gather(ask(shared, counter, "lobby"), ask(shared, counter, "attic"))) == [1, 2]


async def test_a_cancelled_caller_takes_a_shared_answer_from_nobody() -> None:
    shared, counter = database.Shared(), Counter()
    first, second = ask(shared, counter), ask(shared, counter)
    await eventually(lambda: counter.calls == 1)
    first.cancel()
    counter.go_on.set()
    assert await second == 1
    assert first.cancelled()


async def test_a_shared_call_that_fails_fails_for_all_and_the_next_one_is_made() -> None:
    shared, counter = database.Shared(), Counter()
    asked = [ask(shared, counter, fail=True) for _ in range(2)]
    await eventually(lambda: counter.calls == 1)
    late = ask(shared, counter)
    counter.go_on.set()
    assert [type(answer) for answer in await asyncio.gather(*asked, return_exceptions=True)] == [NoSuchRoom] * 2
    assert await late == 2


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
async def test_a_lost_database_is_unavailable(error: type[Exception]) -> None:
    def lose() -> None:
        raise error("server closed the connection unexpectedly")

    with pytest.raises(Unavailable) as caught:
        await database.call(lose)
    assert caught.value.retryable
    assert "server closed" not in caught.value.message, "a driver's words are not for clients"


async def test_any_other_database_error_is_raised_as_it_is() -> None:
    def fail() -> None:
        raise DatabaseError("no such column")

    with pytest.raises(DatabaseError, match="column"):
        await database.call(fail)


def test_a_connection_that_a_restart_broke_is_replaced(postgres: Postgres, on_postgres: Database) -> None:
    def count() -> int:
        return database._guarded(User.objects.count)

    assert on_postgres.run(count) == 0
    postgres.restart()
    with pytest.raises(Unavailable):
        on_postgres.run(count)
    assert on_postgres.run(count) == 0
