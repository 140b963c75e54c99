"""Whom messages concern: who of a room's members has a name, what pages show, and what somebody has not read."""

import json
from collections.abc import Collection
from typing import Any

from django.db import connection

from rooms import people
from rooms.conf import conf
from rooms.models import Block, Membership, Mention, Message, Room
from rooms.protocol.frames.base import UserRef
from rooms.storage.columns import (
    ACCESS_SOURCES,
    MEMBER,
    MESSAGE,
    NAME_KEY,
    ROOM,
    USER,
    USER_ID,
    USERNAME,
    User,
    column,
    columns,
    table,
)
from rooms.storage.rows import RoomAccess, Row, UserKey, read

BY_NAME, REPLY, TO_ROOM = "mention", "reply", "room"  # why a message concerns somebody


class RoomMember(Row, frozen=True):
    room_id: int
    user_id: UserKey
    username: str


class Named(Row, frozen=True):
    """Somebody whom a message mentions by name."""

    message_id: int
    user_id: UserKey
    username: str


class Concerning(Row, frozen=True):
    """A message that concerns somebody who has not read it."""

    message_id: int
    room_id: int
    why: str


class Recipient(RoomAccess, frozen=True):
    """A member's access to the room of a message that concerns them."""

    user_id: UserKey = None
    why: str = ""


KEYS = column(User, NAME_KEY) if NAME_KEY else None
ROOM_OF, USER_OF = column(Membership, "room"), column(Membership, "user")
IS_MEMBER = f"{column(Membership, 'role')} <> '{Membership.Role.NONE.value}'"
MEMBERS = f"""
    SELECT {columns(RoomMember, {"room_id": ROOM_OF, "user_id": USER_OF, "username": USERNAME})}
    FROM {USER} JOIN {MEMBER} ON {USER_OF} = {USER_ID}
    WHERE {ROOM_OF} IN ({{rooms}}) AND {IS_MEMBER}
"""
MENTION, MENTIONED, OF = table(Mention), column(Mention, "user"), column(Mention, "message")
IS_BY_NAME = column(Mention, "by_name")
ID, SEQ, AUTHOR = column(Message, "id"), column(Message, "seq"), column(Message, "author")
TO_ALL = column(Message, "mentions_room")
NAMED = f"""
    SELECT {columns(Named, {"message_id": OF, "user_id": MENTIONED, "username": USERNAME})}
    FROM {MENTION} JOIN {USER} ON {USER_ID} = {MENTIONED}
    WHERE {OF} IN ({{messages}}) AND {IS_BY_NAME} ORDER BY {OF}, {column(Mention, "id")}
"""
# Those up to it are read, or hidden from the member.
READ_SEQ, HIDDEN_SEQ = column(Membership, "read_seq"), column(Membership, "visible_from_seq")
ABOVE = f"CASE WHEN {READ_SEQ} > {HIDDEN_SEQ} THEN {READ_SEQ} ELSE {HIDDEN_SEQ} END"
IS_OF_OTHERS = f"({AUTHOR} IS NULL OR {AUTHOR} <> {USER_OF})"
IS_NOT_BLOCKED = f"""NOT EXISTS (
    SELECT 1 FROM {table(Block)} WHERE {column(Block, "blocker")} = {USER_OF} AND {column(Block, "blocked")} = {AUTHOR}
)"""
HAS_NO_ROW = f"NOT EXISTS (SELECT 1 FROM {MENTION} WHERE {OF} = {ID} AND {MENTIONED} = {USER_OF}{{more}})"
UNREAD_ROWS = f"""
    {MENTIONED} = {USER_OF} AND {column(Mention, "room")} = {ROOM_OF} AND {column(Mention, "seq")} > {ABOVE}
"""
UNREAD_FLAGS = f"""
    {column(Message, "room")} = {ROOM_OF} AND {TO_ALL} AND {SEQ} > {ABOVE} AND {IS_OF_OTHERS} AND {IS_NOT_BLOCKED}
"""
# Of a member: messages above their mark that mention them by name, or everybody.
COUNT = f"""(
    SELECT COUNT(*) FROM (
        SELECT 1 FROM {MENTION} JOIN {MESSAGE} ON {ID} = {OF}
        WHERE {UNREAD_ROWS} AND {IS_BY_NAME} AND {IS_NOT_BLOCKED}
        UNION ALL
        SELECT 1 FROM {MESSAGE} WHERE {UNREAD_FLAGS} AND {HAS_NO_ROW.format(more=f" AND {IS_BY_NAME}")}
        LIMIT {{counted}}
    ) AS mentioned
)"""
MINE = f"{USER_OF} = %s AND {IS_MEMBER} AND {ID} < %s AND {ROOM_OF} NOT IN ({{without}})"
CONCERNING = f"""
    SELECT {ID}, {ROOM_OF}, CASE WHEN {IS_BY_NAME} THEN '{BY_NAME}' ELSE '{REPLY}' END
    FROM {MEMBER} JOIN {MENTION} ON {UNREAD_ROWS} JOIN {MESSAGE} ON {ID} = {OF}
    WHERE {MINE} AND {IS_NOT_BLOCKED}
    UNION ALL
    SELECT {ID}, {ROOM_OF}, '{TO_ROOM}' FROM {MEMBER} JOIN {MESSAGE} ON {UNREAD_FLAGS}
    WHERE {MINE} AND {HAS_NO_ROW.format(more="")}
    ORDER BY 1 DESC LIMIT %s
"""
WHY = f"CASE WHEN {OF} IS NULL THEN '{TO_ROOM}' WHEN {IS_BY_NAME} THEN '{BY_NAME}' ELSE '{REPLY}' END"
RECIPIENTS = f"""
    SELECT {columns(Recipient, ACCESS_SOURCES | {"user_id": USER_OF, "why": WHY})}
    FROM {MESSAGE} JOIN {ROOM} ON {column(Room, "id")} = {column(Message, "room")}
    AND {column(Room, "removed_at")} IS NULL
    JOIN {MEMBER} ON {ROOM_OF} = {column(Room, "id")} AND {IS_MEMBER}
    AND {column(Membership, "level")} <> '{Membership.Level.NONE.value}'
    JOIN {USER} ON {USER_ID} = {USER_OF}
    LEFT JOIN {MENTION} ON {OF} = {ID} AND {MENTIONED} = {USER_OF}
    WHERE {ID} = %s AND ({TO_ALL} OR {OF} IS NOT NULL) AND {SEQ} > {HIDDEN_SEQ}
    AND {IS_OF_OTHERS} AND {IS_NOT_BLOCKED}
"""


def has_name_keys() -> bool:
    """Whether members are found by the keys of their names; else all of a room are to be compared."""
    return KEYS is not None and conf.CHAT_DISPLAY_NAME is None


def members_by_key(room_ids: Collection[int], keys: Collection[str]) -> list[RoomMember]:
    """Those members of rooms whose names have one of these keys, however many these are: they are one value."""
    if connection.vendor == "postgresql":
        return _members(room_ids, f"{KEYS} = ANY(%s)", [list(keys)])
    return _members(room_ids, f"{KEYS} IN (SELECT value FROM json_each(%s))", [json.dumps(list(keys))])


def members_by_id(room_ids: Collection[int], user_ids: Collection[Any]) -> list[RoomMember]:
    """Those of these users who are members of the rooms."""
    return _members(room_ids, f"{USER_ID} IN ({_places(user_ids)})", user_ids)


def members_of(room_ids: Collection[int], *, limit: int) -> list[RoomMember]:
    """All members of rooms, in any order, up to a number."""
    return _members(room_ids, "1 = 1 LIMIT %s", [limit])


def _members(room_ids: Collection[int], condition: str, values: Collection[Any]) -> list[RoomMember]:
    with connection.cursor() as cursor:
        cursor.execute(f"{MEMBERS.format(rooms=_places(room_ids))} AND {condition}", [*room_ids, *values])
        return read(RoomMember, cursor.fetchall())


def mentions(message_ids: Collection[int]) -> dict[int, list[UserRef]]:
    """Whom each of these messages mentions by name."""
    with connection.cursor() as cursor:
        cursor.execute(NAMED.format(messages=_places(message_ids)), list(message_ids))
        rows = read(Named, cursor.fetchall())
    shown = people.lookup(row.user_id for row in rows) if people.by_function() else {}
    found: dict[int, list[UserRef]] = {}
    for row in rows:
        found.setdefault(row.message_id, []).append(user_ref(row, shown))
    return found


def user_ref(member: RoomMember | Named, shown: dict[Any, people.Shown]) -> UserRef:
    """A member as frames name them; `shown` is asked where names come from functions."""
    return UserRef(str(member.user_id), *shown.get(member.user_id, people.Shown(member.username)))


def concerning(*, user_id: Any, before: int, limit: int, without: Collection[int] = ()) -> list[Concerning]:
    """The newest messages that a member has not read and that concern them, those with ids below `before`, but for
    those of the rooms `without`.
    """
    rooms = list(without) or [0]
    values = [user_id, before, *rooms]
    with connection.cursor() as cursor:
        cursor.execute(CONCERNING.format(without=_places(rooms)), [*values, *values, limit])
        return read(Concerning, cursor.fetchall())


def recipients(*, message_id: int, user_ids: Collection[Any] | None) -> list[Recipient]:
    """Those of these users, or of all, who want a notice of this message: members, who have not blocked its author."""
    asked = "" if user_ids is None else f" AND {USER_OF} IN ({_places(user_ids)})"
    with connection.cursor() as cursor:
        cursor.execute(RECIPIENTS + asked, [message_id, *(user_ids or ())])
        return read(Recipient, cursor.fetchall())


def _places(values: Collection[Any]) -> str:
    return ", ".join(["%s"] * len(values))
