"""The words of messages, in the database's own index: `tsvector` with GIN on PostgreSQL, FTS5 on SQLite.

Both hold the same words, those of `rooms.words`, and no database splits or folds anything. What is found is a message
that has them all; whether they stand side by side, and who may see it, the caller decides.
"""

import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from django.db import OperationalError, connection, transaction

from rooms.errors import Unavailable
from rooms.models import Message
from rooms.storage.reads import MESSAGE_ID, MESSAGES
from rooms.storage.rows import StoredMessage, read

TABLE = "chat_rooms_words"
RANGE = 65_536  # messages in a range of ids, see `_found_by_postgres`
ROOMS_AT_ONCE = 32
TIMEOUT_S = 2.0
CREATE = {
    "sqlite": [f"CREATE VIRTUAL TABLE {TABLE} USING fts5(words, tokenize='ascii', detail='none', columnsize=0)"],
    "postgresql": [
        f"CREATE TABLE {TABLE} (message_id bigint PRIMARY KEY, room_id bigint NOT NULL, words tsvector NOT NULL)",
        f"CREATE INDEX {TABLE}_gin ON {TABLE} USING gin (words) WITH (fastupdate = off)",
    ],
}
Query = Sequence[Collection[str]]  # of each of these, one key at least


class Indexed(NamedTuple):
    """What a message is found by, besides its room."""

    message_id: int
    room_id: int
    keys: Collection[str]


def key_of_room(room_id: int) -> str:
    return f"r{room_id}"


def key_of_author(author_id: Any) -> str:
    return f"a{str(author_id).encode().hex()}"


def key_of_word(word: str) -> str:
    return f"w{word}"


LINK, FILE = "hlink", "hfile"


# --- Writing ----------------------------------------------------------------------------------------------------------
def index(entries: Sequence[Indexed]) -> None:
    """Stores the keys of these messages in place of those they had; one without keys is not found any more."""
    unindex([entry.message_id for entry in entries])
    kept = [entry for entry in entries if entry.keys]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            rows: list[Any] = [(one.message_id, " ".join(sorted(_keys(one)))) for one in kept]
            cursor.executemany(f"INSERT INTO {TABLE}(rowid, words) VALUES (%s, %s)", rows)
        else:
            rows = [(one.message_id, one.room_id, [*_keys(one), _range(one.message_id)]) for one in kept]
            cursor.executemany(f"INSERT INTO {TABLE} VALUES (%s, %s, array_to_tsvector(%s))", rows)


def _keys(entry: Indexed) -> set[str]:
    return {*entry.keys, key_of_room(entry.room_id)}


def unindex(message_ids: Sequence[int]) -> None:
    """Forgets messages."""
    column = "rowid" if connection.vendor == "sqlite" else "message_id"
    with connection.cursor() as cursor:
        cursor.executemany(f"DELETE FROM {TABLE} WHERE {column} = %s", [(message_id,) for message_id in message_ids])


# --- Reading ----------------------------------------------------------------------------------------------------------
@contextmanager
def searching() -> Iterator[None]:
    """The statements of one search take TIMEOUT_S at most, together on SQLite, else each; raises Unavailable."""
    try:
        with _bounded_sqlite() if connection.vendor == "sqlite" else _bounded_postgres():
            yield
    except OperationalError as error:
        if "interrupted" in str(error) or "statement timeout" in str(error):
            raise too_long() from None
        raise


def too_long() -> Unavailable:
    return Unavailable("This search takes too long: add words to it")


@contextmanager
def _bounded_sqlite() -> Iterator[None]:
    connection.ensure_connection()
    plain, end = cast(sqlite3.Connection, connection.connection), time.monotonic() + TIMEOUT_S
    plain.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    try:
        yield
    finally:
        plain.set_progress_handler(None, 0)


@contextmanager
def _bounded_postgres() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {int(TIMEOUT_S * 1000)}")
        yield


def found(keys: Collection[str], rooms: Collection[int] | None, *, before: int, above: int, limit: int) -> list[int]:
    """The newest messages of these rooms, or of all, that have all these keys, between two ids, newest first."""
    groups = [[key] for key in keys]
    if connection.vendor == "sqlite":
        places = [list(map(key_of_room, rooms))] if rooms is not None else []
        return _found_by_sqlite([*groups, *places], before, above, limit)
    return _found_by_postgres(groups, sorted(rooms) if rooms is not None else None, before, above, limit)


def _found_by_sqlite(query: Query, before: int, above: int, limit: int) -> list[int]:
    expression = " AND ".join(f"({' OR '.join(map(_quoted, some))})" for some in query)
    return _ids(
        f"SELECT rowid FROM {TABLE} WHERE {TABLE} MATCH %s AND rowid < %s AND rowid > %s ORDER BY rowid DESC LIMIT %s",
        [expression, before, above, limit],
    )


def _found_by_postgres(query: Query, rooms: list[int] | None, before: int, above: int, limit: int) -> list[int]:
    """GIN answers in no order, so of a common word it would give all messages to be sorted.

    Each message has the key of its range of ids. The newest ranges are asked first, and fill the page of a common word;
    of one that does not fill it there, there are not many.
    """
    newest = min(before, _last_id() + 1)
    recent = [*query, [_range(newest), _range(max(newest - RANGE, 0))]]
    if rooms is None or len(rooms) > ROOMS_AT_ONCE:
        found = _matching(recent, newest, above, limit, rooms)
    else:
        found = _in_rooms(recent, rooms, newest, above, limit)
    if len(found) == limit:
        return found
    return (
        _in_rooms(query, rooms, newest, above, limit) if rooms is not None else _matching(query, newest, above, limit)
    )


def _in_rooms(query: Query, rooms: list[int], before: int, above: int, limit: int) -> list[int]:
    """By the keys of some rooms at a time: GIN's work grows with the number of keys times that of what it passes."""
    found: list[int] = []
    for start in range(0, len(rooms), ROOMS_AT_ONCE):
        some = list(map(key_of_room, rooms[start : start + ROOMS_AT_ONCE]))
        found += _matching([*query, some], before, above, limit)
    return sorted(found, reverse=True)[:limit]


def _matching(query: Query, before: int, above: int, limit: int, rooms: list[int] | None = None) -> list[int]:
    expression = " & ".join(f"({' | '.join(map(_quoted, some))})" for some in query)
    return _ids(
        f"SELECT message_id FROM {TABLE} WHERE words @@ %s::tsquery AND message_id < %s AND message_id > %s"
        " AND (%s::bigint[] IS NULL OR room_id = ANY(%s::bigint[]))"
        " ORDER BY message_id + 0 DESC LIMIT %s",  # + 0: not by the key, through all that do not match
        [expression, before, above, rooms, rooms, limit],
    )


def _range(message_id: int) -> str:
    return f"i{message_id // RANGE}"


def _quoted(key: str) -> str:
    """A key as both languages of queries write it: it has letters and digits only."""
    return f'"{key}"' if connection.vendor == "sqlite" else f"'{key}'"


def _last_id() -> int:
    [last] = _ids(f"SELECT coalesce(max(message_id), 0) FROM {TABLE}", [])
    return last


def _ids(statement: str, values: Sequence[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


def messages_by_id(ids: Sequence[int]) -> list[StoredMessage]:
    """These messages, newest first, as `completed` takes them; those that are not stored any more are left out."""
    if not ids:
        return []
    places = ", ".join(["%s"] * len(ids))
    with connection.cursor() as cursor:
        cursor.execute(f"{MESSAGES} WHERE {MESSAGE_ID} IN ({places})", ids)
        rows = read(StoredMessage, cursor.fetchall())
    return sorted(rows, key=lambda message: message.id, reverse=True)


def first_id_since(moment: Any) -> int:
    """The id of the first message that was stored at this time or later, to within what was stored in a moment.

    Ids grow with time: found by halving, without an index of times.
    """
    low, high = 0, Message.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    while low < high:
        middle = (low + high) // 2
        row = Message.objects.filter(pk__gt=middle).order_by("pk").values_list("pk", "created_at").first()
        if row is not None and row[1] < moment:
            low = row[0]
        else:
            high = middle
    return low
