"""Which new messages a block refuses: asked for direct rooms alone, once for a list of messages."""

from collections.abc import Collection
from typing import Any

from django.db import connection

from rooms.models import Block, Membership
from rooms.storage.columns import MEMBER, column, columns, name, table
from rooms.storage.rows import Row, UserKey, read

ROOM_OF, USER_OF, ROLE = (column(Membership, field) for field in ("room", "user", "role"))
BLOCKER, BLOCKED = column(Block, "blocker"), column(Block, "blocked")


class BlockedAuthor(Row, frozen=True):
    """Somebody whom the other one of the two in a direct room has blocked."""

    room_id: int
    author_id: UserKey


NO_MEMBER = f"'{Membership.Role.NONE.value}'"
STATEMENT = f"""
    SELECT {columns(BlockedAuthor, {"room_id": ROOM_OF, "author_id": BLOCKED})}
    FROM {MEMBER} JOIN {table(Block)} ON {BLOCKER} = {USER_OF}
    WHERE {ROOM_OF} IN ({{rooms}}) AND {BLOCKED} IN ({{authors}}) AND {ROLE} <> {NO_MEMBER}
    AND (
        SELECT count(*) FROM {MEMBER} AS pair WHERE pair.{name(Membership, "room")} = {ROOM_OF}
        AND pair.{name(Membership, "role")} <> {NO_MEMBER}
    ) = 2
"""


def blocked_authors(pairs: Collection[tuple[int, Any]]) -> set[tuple[int, Any]]:
    """Those of these pairs of a direct room and an author of whom the room's other member wants to read nothing."""
    rooms, authors = ({pair[part] for pair in pairs} for part in (0, 1))
    statement = STATEMENT.format(rooms=_places(rooms), authors=_places(authors))
    with connection.cursor() as cursor:
        cursor.execute(statement, [*rooms, *authors])
        found = read(BlockedAuthor, cursor.fetchall())
    return {(row.room_id, row.author_id) for row in found}.intersection(pairs)


def _places(values: Collection[Any]) -> str:
    return ", ".join(["%s"] * len(values))
