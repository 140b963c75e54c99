"""Making people members of rooms, many at once: one statement that is the same on both databases."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection

from rooms.models import Membership
from rooms.storage.columns import MEMBER, name

Role = Membership.Role
VALUES = {
    "room": None,
    "user": None,
    "role": Role.MEMBER.value,
    "level": Membership.Level.ALL.value,
    "read_seq": 0,
    "read_version": 0,
    "visible_from_seq": 0,
    "ban_reason": "",
    "joined_at": None,
}
ROLE = name(Membership, "role")
ADD = f"""
    INSERT INTO {MEMBER} ({", ".join([name(Membership, field) for field in VALUES])}) VALUES {{rows}}
    ON CONFLICT ({name(Membership, "room")}, {name(Membership, "user")})
    DO UPDATE SET {ROLE} = excluded.{ROLE}, {name(Membership, "joined_at")} = excluded.{name(Membership, "joined_at")}
    WHERE {MEMBER}.{ROLE} = '{Role.NONE.value}'
"""
ROW = f"({', '.join(['%s'] * len(VALUES))})"


def add_members(people: Iterable[tuple[int, Any]], now: datetime) -> None:
    """Makes each user of these (room, user) a member, unless they are one; what was decided about them stays."""
    pairs = sorted(set(people), key=str)  # in one order: two lists never wait for each other
    moment, key = connection.ops.adapt_datetimefield_value(now), Membership._meta.get_field("user")  # noqa: SLF001 - Django documents _meta as public
    values: list[Any] = []
    for room_id, user_id in pairs:
        own = {"room": room_id, "user": key.get_db_prep_value(user_id, connection), "joined_at": moment}
        values += (VALUES | own).values()
    with connection.cursor() as cursor:
        cursor.execute(ADD.format(rows=", ".join([ROW] * len(pairs))), values)
