"""How far members have read: their marks, many at once, and what each has not read; the same on both databases."""

from collections.abc import Collection
from typing import Any

from django.db import connection

from rooms.models import HiddenReader, Membership, Message, Room
from rooms.storage import mentions
from rooms.storage.columns import ACCESS_SOURCES, MEMBER, MESSAGE, ROOM, USER, USER_ID, column, columns, name, table
from rooms.storage.rows import RoomAccess, Row, UserKey, read

COUNTED = 100  # unread messages: beyond, a number tells nobody anything
KINDS = (Message.Kind.CHAT, Message.Kind.ROOM, Message.Kind.ACTION)
WRITTEN = ", ".join([f"'{kind.value}'" for kind in KINDS])  # by people, unlike what a room itself says


class MarkedRoom(RoomAccess, frozen=True):
    """A member's access, and how far they have read. `members` counts those of the room, up to one above a limit."""

    user_id: UserKey = None
    read_seq: int = 0
    read_version: int = 0
    is_hidden: bool = False
    members: int = 0


class UnreadRoom(RoomAccess, frozen=True):
    """A member's access, how far they have read, and how many messages of others are above that, up to COUNTED."""

    read_seq: int = 0
    read_version: int = 0
    unread: int = 0
    mentions: int = 0  # of the user, and of everybody in the room


class Mark(Row, frozen=True):
    """A member's new `read_seq`, for the version that their mark had."""

    room_id: int
    user_id: UserKey
    version: int
    seq: int


class Moved(Row, frozen=True):
    room_id: int
    user_id: UserKey


ROOM_ID, REMOVED = column(Room, "id"), column(Room, "removed_at")
ROOM_OF, USER_OF = column(Membership, "room"), column(Membership, "user")
READ_SEQ, READ_VERSION = column(Membership, "read_seq"), column(Membership, "read_version")
IS_MEMBER = f"{column(Membership, 'role')} <> '{Membership.Role.NONE.value}'"
MARK_SOURCES = ACCESS_SOURCES | {
    "read_seq": f"COALESCE({READ_SEQ}, 0)",
    "read_version": f"COALESCE({READ_VERSION}, 0)",
}
IS_HIDDEN = f"EXISTS (SELECT 1 FROM {table(HiddenReader)} WHERE {column(HiddenReader, 'user')} = {USER_ID})"
MEMBERS = f"""(
    SELECT COUNT(*) FROM (
        SELECT 1 FROM {MEMBER} AS other WHERE other.{name(Membership, "room")} = {ROOM_ID}
        AND other.{name(Membership, "role")} <> '{Membership.Role.NONE.value}' LIMIT %s
    ) AS others
)"""
MARKS = f"""
    WITH asked(room, person) AS (VALUES {{asked}})
    SELECT {columns(MarkedRoom, MARK_SOURCES | {"user_id": "person", "is_hidden": IS_HIDDEN, "members": MEMBERS})}
    FROM asked JOIN {ROOM} ON {ROOM_ID} = room AND {REMOVED} IS NULL
    LEFT JOIN {USER} ON {USER_ID} = person
    LEFT JOIN {MEMBER} ON {ROOM_OF} = {ROOM_ID} AND {USER_OF} = person
"""
# Rows are locked in one order, so that two processes that mark for the same people never wait for each other.
UNCHANGED = f"{READ_VERSION} = asked_version AND {READ_SEQ} < asked_seq AND {IS_MEMBER}"
MOVE = f"""
    WITH asked(room, person, asked_version, asked_seq) AS (VALUES {{asked}}),
    locked AS (
        SELECT {column(Membership, "id")} AS member, asked_version, asked_seq FROM asked
        JOIN {MEMBER} ON {ROOM_OF} = room AND {USER_OF} = person
        WHERE {UNCHANGED} ORDER BY {column(Membership, "id")} {{lock}}
    )
    UPDATE {MEMBER} SET {name(Membership, "read_seq")} = asked_seq FROM locked
    WHERE {column(Membership, "id")} = member AND {UNCHANGED}
    RETURNING {columns(Moved, {"room_id": ROOM_OF, "user_id": USER_OF})}
"""
# Those up to it are read, or hidden from the member.
ABOVE = f"CASE WHEN {READ_SEQ} > {{0}} THEN {READ_SEQ} ELSE {{0}} END".format(column(Membership, "visible_from_seq"))
UNREAD = f"""(
    SELECT COUNT(*) FROM (
        SELECT 1 FROM {MESSAGE} WHERE {column(Message, "room")} = {ROOM_ID} AND {column(Message, "seq")} > {ABOVE}
        AND {column(Message, "deleted_at")} IS NULL AND {column(Message, "kind")} IN ({WRITTEN})
        AND ({column(Message, "author")} IS NULL OR {column(Message, "author")} <> {USER_OF}) LIMIT {COUNTED}
    ) AS unread
)"""
MENTIONS = mentions.COUNT.format(counted=COUNTED)
UNREAD_ROOMS = f"""
    SELECT {columns(UnreadRoom, MARK_SOURCES | {"unread": UNREAD, "mentions": MENTIONS})}
    FROM {MEMBER} JOIN {ROOM} ON {ROOM_ID} = {ROOM_OF} AND {REMOVED} IS NULL
    JOIN {USER} ON {USER_ID} = {USER_OF}
    WHERE {USER_OF} = %s AND {IS_MEMBER}
"""


def marked_rooms(wanted: Collection[tuple[int, Any]], *, members: int) -> list[MarkedRoom]:
    """Of these rooms and users: what each may do there, and how far they have read. Members are counted up to one
    above `members`.
    """
    values = [part for pair in wanted for part in pair]
    with connection.cursor() as cursor:
        cursor.execute(MARKS.format(asked=_rows(wanted, "(%s, %s)")), [*values, members + 1])
        return read(MarkedRoom, cursor.fetchall())


def move_marks(marks: Collection[Mark]) -> set[tuple[int, Any]]:
    """Moves marks forward whose version is still this one; answers the room and user of those that were moved."""
    lock = f"FOR NO KEY UPDATE OF {MEMBER}" if connection.vendor == "postgresql" else ""
    values = [value for mark in marks for value in (mark.room_id, mark.user_id, mark.version, mark.seq)]
    with connection.cursor() as cursor:
        cursor.execute(MOVE.format(asked=_rows(marks, "(%s, %s, %s, %s)"), lock=lock), values)
        return {(row.room_id, row.user_id) for row in read(Moved, cursor.fetchall())}


def unread_rooms(*, user_id: Any) -> list[UnreadRoom]:
    """The rooms that a user is a member of, in any order, with what they have not read: one statement for all."""
    with connection.cursor() as cursor:
        cursor.execute(UNREAD_ROOMS, [user_id])
        return read(UnreadRoom, cursor.fetchall())


def _rows(asked: Collection[Any], row: str) -> str:
    return ", ".join([row] * len(asked))
