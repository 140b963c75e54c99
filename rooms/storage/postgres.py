"""Posting on PostgreSQL: two statements, the second of which is its own transaction.

Each round trip wakes a thread and costs more than its statement: five of them took 2.2 ms of CPU, these two 1.6.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.db import connection, transaction

from rooms import people
from rooms.models import Membership, Message, Room, ServerBan
from rooms.storage import reads
from rooms.storage.columns import ACCESS_SOURCES, MEMBER, MESSAGE, ROOM, USER, USER_ID, column, columns, name, table
from rooms.storage.rows import NewMessage, Placed, PostContext, R, Repeated, RoomAccess, named, read


class Asked(RoomAccess, frozen=True):
    """The access of the n-th new message's author, and the message that already has its client id."""

    n: int = 0
    repeated: int | None = None


LOOKUP = f"""
    WITH asked(n, room, author, client) AS (SELECT * FROM unnest(%s::int[], %s::bigint[], %s::{{key}}[], %s::text[]))
    SELECT {columns(Asked, ACCESS_SOURCES | {"n": "n", "repeated": reads.MESSAGE_ID})}
    FROM asked JOIN {ROOM} ON {reads.ROOM_ID} = room AND {reads.REMOVED} IS NULL
    LEFT JOIN {USER} ON {USER_ID} = author
    LEFT JOIN {MEMBER} ON {column(Membership, "room")} = room AND {column(Membership, "user")} = author
    LEFT JOIN {MESSAGE} ON {column(Message, "author")} = author AND {column(Message, "client_id")} = client
"""
REPEATED = f"{reads.MESSAGES} WHERE {reads.MESSAGE_ID} = ANY(%s)"
ID, LAST_SEQ = name(Room, "id"), name(Room, "last_seq")
OPEN = f"{name(Room, 'closed_at')} IS NULL AND {name(Room, 'removed_at')} IS NULL"
# PostgreSQL compares a room that was changed since the statement began again, once it has the lock: so nothing is
# stored by rights that were changed after `lookup`. A ban from the chat changes no room, and is looked for.
UNCHANGED = f"{name(Room, 'access_version')} = version"
BANNED = f"SELECT room FROM new JOIN {table(ServerBan)} ON {name(ServerBan, 'user')} = author WHERE until > now()"
FIELDS = ("room", "seq", "changed_seq", "kind", "author", "content", "client_id", "created_at")
PLACED = columns(Placed, {"room_id": name(Message, "room"), "seq": name(Message, "seq"), "id": name(Message, "id")})
STORE = f"""
    WITH new(room, version, kind, author, content, client, n) AS (
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::{{key}}[], %s::text[], %s::text[])
        WITH ORDINALITY
    ),
    wanted AS (SELECT room, min(version) AS version, count(*) AS messages FROM new GROUP BY room),
    locked AS (
        SELECT {ID} AS id FROM {ROOM} JOIN wanted ON {ID} = room
        WHERE {OPEN} AND {UNCHANGED} AND {ID} NOT IN ({BANNED})
        ORDER BY {ID} FOR NO KEY UPDATE OF {ROOM} {{skip}}
    ),
    heads AS (
        UPDATE {ROOM} SET {LAST_SEQ} = {LAST_SEQ} + messages FROM wanted
        WHERE {ID} = room AND {ID} IN (SELECT id FROM locked) RETURNING {ID} AS id, {LAST_SEQ} - messages AS before
    ),
    numbered AS (
        SELECT new.*, before + row_number() OVER (PARTITION BY room ORDER BY n) AS seq FROM new JOIN heads ON id = room
    )
    INSERT INTO {MESSAGE} ({", ".join([name(Message, field) for field in FIELDS])})
    SELECT room, seq, seq, kind, author, content, client, %s FROM numbered
    ORDER BY author, client RETURNING {PLACED}
"""


class Statements(NamedTuple):
    """They name the type of a user's key, which only the connected database knows."""

    lookup: str
    wait: str
    skip: str


@cache
def statements() -> Statements:
    key = people.key_field().rel_db_type(connection)
    lookup = LOOKUP.format(key=key)
    return Statements(lookup, STORE.format(key=key, skip=""), STORE.format(key=key, skip="SKIP LOCKED"))


def posting() -> AbstractContextManager[object]:
    """Nothing: `store` is its own transaction, and looks again at what may have changed since `lookup`.

    In a transaction of the caller a savepoint: a client id that is refused would else end it.
    """
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def lookup(messages: list[NewMessage]) -> list[PostContext]:
    if not messages:
        return []
    rows = [(n, new.room_id, new.author_id, new.client_id) for n, new in enumerate(messages)]
    asked = {row.n: row for row in _execute(Asked, statements().lookup, _columns(rows))}
    repeated_ids = [row.repeated for row in asked.values() if row.repeated is not None]
    repeated = {row.id: row for row in named(_execute(Repeated, REPEATED, [repeated_ids]))} if repeated_ids else {}
    found = [asked.get(n) for n in range(len(messages))]
    return [PostContext(row, repeated.get(row.repeated or 0) if row else None) for row in found]


def store(messages: list[NewMessage], versions: list[int], moment: datetime, *, wait: bool) -> list[Placed | None]:
    """Stores messages; None for those of a room that was closed or removed since `lookup`, or where it was changed who
    may write: `versions` has the `access_version` that each message was allowed by.

    Without `wait` None also for those whose room is locked by another transaction.
    Rooms are locked in key order, and client ids inserted in one order, so that two lists never wait for each other.
    Raises IntegrityError when another process has just stored one of the client ids.
    """
    rows = [
        (new.room_id, version, new.kind, new.author_id, new.content, new.client_id)
        for new, version in zip(messages, versions, strict=True)
    ]
    statement = statements().wait if wait else statements().skip
    places: defaultdict[int, list[Placed]] = defaultdict(list)
    for placed in _execute(Placed, statement, [*_columns(rows), moment]):
        places[placed.room_id].append(placed)
    for room in places.values():
        room.sort(key=lambda placed: -placed.seq)
    return [places[new.room_id].pop() if places[new.room_id] else None for new in messages]


def _columns(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    """A list for each column: psycopg parses every placeholder every time, 2.1 -> 1.5 ms for 20 messages."""
    return [list(values) for values in zip(*rows, strict=True)]


def _execute(row: type[R], statement: str, values: Sequence[Any]) -> list[R]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return read(row, cursor.fetchall())
