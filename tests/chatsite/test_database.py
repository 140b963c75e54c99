"""The one way to the ORM: threads that keep their connections, side by side, and a lost database in one word."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from accounts.models import User
from chatsite import database
from chatsite.errors import NoSuchRoom, Unavailable
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
    meeting = threading.Barrier(settings.CHAT_DATABASE_THREADS)
    await asyncio.gather(*(database.call(meeting.wait, 10) for _ in range(settings.CHAT_DATABASE_THREADS)))


async def test_storing_waits_for_no_reader() -> None:
    stored = threading.Event()
    reading = [asyncio.ensure_future(database.call(stored.wait, 10)) for _ in range(settings.CHAT_DATABASE_THREADS + 1)]
    await database.store(stored.set)
    assert all(await asyncio.gather(*reading))


async def test_storing_keeps_to_one_thread() -> None:
    threads = await asyncio.gather(*(database.store(threading.get_ident) for _ in range(20)))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


@pytest.mark.django_db(transaction=True)
async def test_a_thread_keeps_its_connection() -> None:
    def opened() -> Any:
        connection.ensure_connection()
        return connection.connection

    first = await database.store(opened)
    assert await database.store(opened) is first


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


def ask(shared: database.Shared, counter: Counter, key: str = "hall", **fields: Any) -> asyncio.Task[int]:
    return asyncio.ensure_future(shared.call(key, counter, **fields))


async def test_who_ask_before_a_shared_call_begins_get_its_answer_and_who_ask_later_the_next_ones() -> None:
    shared, counter = database.Shared(), Counter()
    early = [ask(shared, counter) for _ in range(3)]
    await eventually(lambda: counter.calls == 1)
    late = [ask(shared, counter) for _ in range(3)]
    await asyncio.sleep(0)
    assert counter.calls == 1, "one runs at a time"
    counter.go_on.set()
    assert await asyncio.gather(*early, *late) == [1, 1, 1, 2, 2, 2]
    assert await ask(shared, counter) == 3
    assert (shared._gathering, shared._running) == ({}, {})


async def test_only_the_same_is_shared() -> None:
    shared, counter = database.Shared(), Counter()
    counter.go_on.set()
    assert sorted(await asyncio.gather(ask(shared, counter, "hall"), ask(shared, counter, "attic"))) == [1, 2]


async def test_one_who_is_cut_off_takes_a_shared_answer_from_nobody() -> None:
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


async def test_any_other_database_error_is_a_fault_of_ours() -> None:
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
