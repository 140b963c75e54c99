"""An index that is added concurrently: on both databases, while others write, and after an interruption."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from rooms.models import Room
from rooms.storage.migration_lock import migration_lock
from rooms.storage.operations import AddIndexConcurrently
from tests.support.machine import wait_until
from tests.support.servers import Database

NAME = "room_titles"


@pytest.fixture
def open_database(django_db_blocker: Any) -> Callable[[str], Any]:
    return lambda url: closing(Database(url, django_db_blocker))


def _add_index() -> None:
    migration = Migration("0002_made_up", "chat_rooms")
    migration.operations = [AddIndexConcurrently("room", models.Index(fields=["title"], name=NAME))]
    with connection.schema_editor(atomic=False) as editor:
        migration.apply(MigrationLoader(connection).project_state(), editor)


def _end_statements_after(timeout: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [timeout])


def _has_index() -> bool:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Room._meta.db_table)
    return NAME in found


@pytest.mark.parametrize("kind", ["sqlite_url", "postgres_url"])
def test_the_index_is_there_afterwards_also_the_second_time(
    request: pytest.FixtureRequest, open_database: Callable[[str], Any], kind: str
) -> None:
    with open_database(request.getfixturevalue(kind)) as database:
        assert not database.run(_has_index)
        database.run(_add_index)
        assert database.run(_has_index)


def test_what_an_interrupted_one_has_left_is_replaced(postgres_url: str, open_database: Callable[[str], Any]) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as leftover:
        leftover.execute(f"CREATE INDEX {NAME} ON chat_rooms_room (kind)")
    with open_database(postgres_url) as database:
        database.run(_add_index)
    with psycopg.connect(postgres_url) as reader:
        [definition] = reader.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [NAME]).fetchone() or [""]
    assert definition.endswith("(title)")


@contextmanager
def _in_background(function: Callable[[], None]) -> Iterator[None]:
    """Runs it in a thread, and ends with its end and its failure."""
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(function)
        yield
        future.result(timeout=20)


def test_others_write_while_it_waits_for_a_long_transaction(
    postgres_url: str, open_database: Callable[[str], Any]
) -> None:
    insert = "UPDATE chat_rooms_room SET title = 'x'"
    with (
        open_database(postgres_url) as database,
        psycopg.connect(postgres_url) as long,
        _in_background(lambda: database.run(_add_index)),
    ):
        try:
            long.execute(insert)
            wait_until(lambda: _waits(postgres_url), what="The index waits for the transaction")
            with psycopg.connect(postgres_url, options="-c lock_timeout=2s") as other:
                other.execute(insert)
        finally:
            long.rollback()


def _waits(url: str) -> bool:
    question = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'"
    with psycopg.connect(url) as observer:
        return observer.execute(question).fetchone() is not None


def test_a_second_migration_that_waits_for_the_lock_does_not_stop_it(
    postgres_url: str, open_database: Callable[[str], Any]
) -> None:
    waits = threading.Event()

    def second() -> None:
        with migration_lock(connection, on_wait=waits.set):
            assert _has_index()

    def first(start: Callable[[], Any]) -> Any:
        with migration_lock(connection, on_wait=waits.clear):
            started = start()
            assert waits.wait(10)
            _end_statements_after("15s")
            _add_index()
        return started

    with open_database(postgres_url) as one, open_database(postgres_url) as two, ThreadPoolExecutor(1) as threads:
        one.run(first, lambda: threads.submit(two.run, second)).result(timeout=20)
