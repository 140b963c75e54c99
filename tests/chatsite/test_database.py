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
