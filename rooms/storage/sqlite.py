"""Posting on SQLite: prepared statements on the plain connection under Django's, inside one transaction.

Through Django's cursor the same statements took twice the CPU. The plain connection is the one that Django holds, so
settings, transactions and test databases are the same.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from django.db import connection, transaction

from rooms.models import Message, Room
from rooms.storage import reads
from rooms.storage.columns import MESSAGE, ROOM, column, name
from rooms.storage.rows import NewMessage, Placed, PostContext, Repeated, RoomAccess, named, read

ACCESS = reads.BY_ID.replace("%s", "?")
REPEATED = f"{reads.MESSAGES} WHERE {column(Message, 'author')} = ? AND {column(Message, 'client_id')} = ?"
TAKE_SEQS = f"""
    UPDATE {ROOM} SET {name(Room, "last_seq")} = {name(Room, "last_seq")} + ?
    WHERE {name(Room, "id")} = ? AND {name(Room, "closed_at")} IS NULL AND {name(Room, "removed_at")} IS NULL
    RETURNING {name(Room, "last_seq")}
"""
FIELDS = ("room", "seq", "changed_seq", "kind", "author", "content", "client_id", "created_at")
STORE = (
    f"INSERT INTO {MESSAGE} ({', '.join([name(Message, field) for field in FIELDS])}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


@contextmanager
def posting() -> Iterator[None]:
    """One transaction, which is SQLite's lock: what `lookup` saw still holds when `store` writes.

    Django's own `atomic` took a seventh of a commit's CPU; in a transaction of the caller, this is a part of it.
    """
    if connection.in_atomic_block:
        with transaction.atomic():  # a savepoint: a client id that is refused takes its room's seq back
            yield
        return
    with connection.wrap_database_errors:
        plain = _plain()
        plain.execute("BEGIN IMMEDIATE")
        try:
            yield
            plain.execute("COMMIT")
        except BaseException:
            if plain.in_transaction:  # a commit that a constraint refuses leaves it open
                plain.execute("ROLLBACK")
            raise


def lookup(messages: list[NewMessage]) -> list[PostContext]:
    known: dict[tuple[int, Any], RoomAccess | None] = {}
    contexts = []
    with connection.wrap_database_errors:
        run = _plain().execute
        for new in messages:
            key = (new.room_id, new.author_id)
            if key not in known:
                rows = read(RoomAccess, run(ACCESS, (new.author_id, new.author_id, new.room_id)).fetchall())
                known[key] = rows[0] if rows else None
            repeated = None
            if new.client_id is not None:
                found = named(read(Repeated, run(REPEATED, (new.author_id, new.client_id)).fetchall()))
                repeated = found[0] if found else None
            contexts.append(PostContext(known[key], repeated))
    return contexts


def store(messages: list[NewMessage], versions: list[int], moment: datetime, *, wait: bool) -> list[Placed | None]:  # noqa: ARG001 - `posting` has waited, and nothing has changed
    """Stores messages; None for those whose room was closed or removed a moment ago."""
    at = connection.ops.adapt_datetimefield_value(moment)
    placed: list[Placed | None] = []
    with connection.wrap_database_errors:
        run = _plain().execute
        next_seqs = {}
        for room_id, count in Counter([new.room_id for new in messages]).items():
            heads = run(TAKE_SEQS, (count, room_id)).fetchall()
            next_seqs[room_id] = heads[0][0] - count + 1 if heads else None
        for new in messages:
            seq = next_seqs[new.room_id]
            if seq is None:
                placed.append(None)
                continue
            next_seqs[new.room_id] = seq + 1
            row = (new.room_id, seq, seq, new.kind, new.author_id, new.content, new.client_id, at)
            placed.append(Placed(new.room_id, seq, cast(int, run(STORE, row).lastrowid)))
    return placed


def _plain() -> sqlite3.Connection:
    connection.ensure_connection()
    return cast(sqlite3.Connection, connection.connection)
