"""One migration at a time, over processes and machines: PostgreSQL's advisory lock, or a locked file beside SQLite's.

Neither outlives the process that holds it. Knows nothing of commands.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

KEY = 0x63686174  # "chat": advisory locks are numbers that all users of a database share
PAUSE_S = 0.2


class Lock(Protocol):
    def acquire(self) -> bool:
        """At once: whether it is ours now."""
        ...

    def release(self) -> None:
        """Frees it if it was acquired."""
        ...


class PostgresLock:
    """Held by a transaction of a connection of its own, so that it works through PgBouncer too.

    Tried again and again, and never waited for: CREATE INDEX CONCURRENTLY waits for every running statement, so a
    statement that waited for the lock and the migration that holds it would wait for each other without an end.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection.copy()

    def acquire(self) -> bool:
        self._connection.ensure_connection()
        self._connection.set_autocommit(False)
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [KEY])
            [acquired] = cursor.fetchone()
            # Second, because the next statement ends the snapshot of the last one, for which indexes wait as well.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        if not acquired:
            self.release()
        return bool(acquired)

    def release(self) -> None:
        self._connection.rollback()
        self._connection.close()


class SqliteLock:
    """An empty database beside the real one: the file stays, because who removes it may take it from who waits."""

    def __init__(self, connection: Any) -> None:
        self._lock = sqlite3.connect(f"{connection.settings_dict['NAME']}-migrate", timeout=0, isolation_level=None)

    def acquire(self) -> bool:
        try:
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                self._lock.close()
                raise
            return False
        return True

    def release(self) -> None:
        self._lock.close()


@contextmanager
def migration_lock(connection: BaseDatabaseWrapper, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Holds the lock of this database; calls `on_wait` once if another process has it, and waits for its end.

    Other databases than the two have no lock, nor has SQLite in memory, which no other process can open.
    """
    lock = _lock_of(connection)
    if lock is None:
        yield
        return
    try:
        if not lock.acquire():
            on_wait()
            while not lock.acquire():
                time.sleep(PAUSE_S)
        yield
    finally:
        lock.release()


def _lock_of(connection: Any) -> Lock | None:
    if connection.vendor == "postgresql":
        return PostgresLock(connection)
    if connection.vendor == "sqlite" and not connection.is_in_memory_db():
        return SqliteLock(connection)
    return None
