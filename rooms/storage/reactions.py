"""The reactions to messages of a page, by one statement for all of them."""

from collections.abc import Collection
from typing import Any

from django.db import connection

from rooms import people
from rooms.models import Reaction
from rooms.protocol.frames.base import DELETED_USER, UserRef
from rooms.protocol.frames.reactions import ReactionKind
from rooms.storage.columns import USER, USER_ID, USERNAME, column, table
from rooms.storage.rows import Row, UserKey, read

LISTED = 50  # people of each emoji


class Listed(Row, frozen=True):
    """One of the first reactions with an emoji, and how many there are of it; without a name its user was deleted."""

    message_id: int
    emoji: str
    count: int
    user_id: UserKey | None
    username: str | None


MESSAGE, EMOJI, KIND, ID, BY = (column(Reaction, field) for field in ("message", "emoji", "kind_seq", "id", "user"))
STATEMENT = f"""
    SELECT message, emoji, count, user_key, {USERNAME} FROM (
        SELECT {MESSAGE} AS message, {EMOJI} AS emoji, {KIND} AS kind, {ID} AS first_id, {BY} AS user_key,
        count(*) OVER (PARTITION BY {MESSAGE}, {EMOJI}) AS count,
        row_number() OVER (PARTITION BY {MESSAGE}, {EMOJI} ORDER BY {ID}) AS place
        FROM {table(Reaction)} WHERE {MESSAGE} IN ({{messages}})
    ) AS placed LEFT JOIN {USER} ON {USER_ID} = user_key
    WHERE place <= {LISTED} ORDER BY message, kind, first_id
"""


def reactions(message_ids: Collection[int]) -> dict[int, list[ReactionKind]]:
    """The emojis at each of these messages in the order of their first use, each with the first people who set it."""
    statement = STATEMENT.format(messages=", ".join(["%s"] * len(message_ids)))
    with connection.cursor() as cursor:
        cursor.execute(statement, list(message_ids))
        rows = read(Listed, cursor.fetchall())
    shown = people.lookup(row.user_id for row in rows if row.user_id is not None) if people.by_function() else {}
    found: dict[int, dict[str, ReactionKind]] = {}
    for row in rows:
        kinds = found.setdefault(row.message_id, {})
        kind = kinds.setdefault(row.emoji, ReactionKind(row.emoji, row.count, []))
        kind.users.append(_user(row, shown))
    return {message_id: list(kinds.values()) for message_id, kinds in found.items()}


def _user(row: Listed, shown: dict[Any, people.Shown]) -> UserRef:
    if row.username is None:
        return UserRef("0", DELETED_USER)
    person = shown.get(row.user_id, people.Shown(row.username))
    return UserRef(str(row.user_id), person.name, person.avatar)


KINDS = f"""
    SELECT {MESSAGE}, {EMOJI}, count(*), min({KIND}) FROM {table(Reaction)}
    WHERE {MESSAGE} IN ({{messages}}) GROUP BY {MESSAGE}, {EMOJI}
"""


def reaction_kinds(message_ids: Collection[int]) -> list[tuple[int, str, int, int]]:
    """The emojis at these messages: message, emoji, how many set it, and the seq of the first one."""
    if not message_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(KINDS.format(messages=", ".join(["%s"] * len(message_ids))), list(message_ids))
        return [(row[0], row[1], row[2], row[3]) for row in cursor.fetchall()]
