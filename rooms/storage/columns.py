"""The names of tables and columns, and what each field of a row is read from.

A statement selects exactly the fields of the row it is read into (`columns`), so nothing is matched by position by
hand. Knows the models' names; decides nothing.
"""

import sqlite3
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.contrib.auth import get_user_model
from django.db.models import Model

from rooms import people
from rooms.models import Membership, Message, Room, ServerBan
from rooms.models.keys import NameKey


def table(model: type[Model]) -> str:
    return f'"{model._meta.db_table}"'  # noqa: SLF001 - Django documents _meta as public


def name(model: type[Model], field: str) -> str:
    """The column of a field."""
    found: Any = model._meta.get_field(field)  # noqa: SLF001 - the same
    return f'"{found.column}"'


def has_field(model: type[Model], field: str) -> bool:
    return field in {found.name for found in model._meta.concrete_fields}  # noqa: SLF001 - the same


def column(model: type[Model], field: str) -> str:
    """The same, qualified by its table."""
    return f"{table(model)}.{name(model, field)}"


User = get_user_model()
ROOM, MEMBER, MESSAGE, USER = table(Room), table(Membership), table(Message), table(User)
USER_ID = column(User, User._meta.pk.name)  # noqa: SLF001 - the same
# Where names come from functions, the column shows only that there is such a user.
USERNAME = column(User, people.NAME_FIELD) if people.NAME_FIELD else f"CAST({USER_ID} AS text)"
IS_ACTIVE = column(User, "is_active") if has_field(User, "is_active") else f"{USER_ID} IS NOT NULL"


def _name_key() -> str | None:
    """The field with the key of a user's name (`names.key`), which has an index; other projects' users have none."""
    fields = User._meta.concrete_fields  # noqa: SLF001 - the same
    return next((one.name for one in fields if type(one) is NameKey and one.of == people.NAME_FIELD), None)


NAME_KEY = _name_key()


def columns(row: type[msgspec.Struct], sources: Mapping[str, str]) -> str:
    """The list after SELECT that answers this row; KeyError when one of its fields has no source.

    SQLite has no boolean and no timestamp: the alias names the converter to one. PostgreSQL ignores it.
    """
    return ", ".join([f"{sources[field]}{_ALIASES.get(field, '')}" for field in row.__struct_fields__])


def json_columns(row: type[msgspec.Struct], sources: Mapping[str, str]) -> str:
    """The same as arguments of SQLite's json_array: its moments are texts in UTC that do not say so."""
    return ", ".join([_json(field, sources[field]) for field in row.__struct_fields__])


def _json(field: str, source: str) -> str:
    if field in _MOMENTS:
        return f"{source} || 'Z'"
    return f"json(iif({source}, 'true', 'false'))" if field in _TRUTHS else source


_MOMENTS = (
    "created_at", "edited_at", "deleted_at", "banned_until", "muted_until", "server_banned_until", "kicked_at",
    "posted_at", "pinned_at",
)  # fmt: skip
_TRUTHS = ("closed", "active", "transient", "locked", "is_hidden", "mentions_room", "bot")
_ALIASES = {field: f' AS "{field} [utc]"' for field in _MOMENTS}
_ALIASES |= {field: f' AS "{field} [bool]"' for field in _TRUTHS}
sqlite3.register_adapter(uuid.UUID, lambda key: key.hex)  # as Django stores it
sqlite3.register_converter("utc", lambda text: datetime.fromisoformat(text.decode()).replace(tzinfo=UTC))

MESSAGE_SOURCES = {
    field: column(Message, field)
    for field in ("id", "seq", "changed_seq", "kind", "content", "client_id", "created_at", "edited_at", "deleted_at")
} | {
    "room_id": column(Message, "room"),
    "room_name": column(Room, "name"),
    "author_id": column(Message, "author"),
    "deleted_by_id": column(Message, "deleted_by"),
    "username": USERNAME,
    "avatar": "NULL",
    "reaction_count": column(Message, "reaction_count"),
    **{field: column(Message, field) for field in ("reply_to", "root", "last_reply_seq")},
    **{field: column(Message, field) for field in ("pinned_at", "event", "mention_count", "mentions_room")},
    **{field: column(Message, field) for field in ("file_count", "bot", "stream")},
    # read beside, where there are any
    **dict.fromkeys(("reactions", "quote", "reply_count", "mentions", "attachments"), "NULL"),
}
ACCESS_SOURCES = {
    "room_id": column(Room, "id"),
    "name": column(Room, "name"),
    "kind": column(Room, "kind"),
    "last_seq": column(Room, "last_seq"),
    "transient": column(Room, "transient"),
    "closed": f"{column(Room, 'closed_at')} IS NOT NULL",
    "active": f"COALESCE({IS_ACTIVE}, FALSE)",
    "username": USERNAME,
    "role": f"NULLIF({column(Membership, 'role')}, '{Membership.Role.NONE.value}')",
    "banned_until": column(Membership, "banned_until"),
    "muted_until": column(Membership, "muted_until"),
    "server_banned_until": (
        f"(SELECT {column(ServerBan, 'until')} FROM {table(ServerBan)} WHERE {column(ServerBan, 'user')} = {USER_ID})"
    ),
    "kicked_at": column(Membership, "kicked_at"),
    "posted_at": column(Membership, "posted_at"),
    "slow_mode_s": column(Room, "slow_mode_s"),
    "locked": column(Room, "locked"),
    "ban_reason": f"COALESCE({column(Membership, 'ban_reason')}, '')",
    "visible_from_seq": f"COALESCE({column(Membership, 'visible_from_seq')}, 0)",
    "access_version": column(Room, "access_version"),
}
ENTRY_SOURCES = (
    ACCESS_SOURCES
    | {field: column(Room, field) for field in ("title", "created_at", "link", "topic", "history")}
    | {"level": column(Membership, "level")}
)
HEAD_SOURCES = {field: column(Room, field) for field in ("last_seq", "pruned_seq", "epoch")}
