"""What the hand-written SQL takes and answers: frozen rows, and the names of tables and columns they come from.

A statement selects exactly the fields of the row it is read into (`columns`), so nothing is matched by position by
hand. Knows the models' names; decides nothing.
"""

import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from django.contrib.auth import get_user_model
from django.db.models import Model

from rooms import people
from rooms.models import Membership, Message, Room, ServerBan
from rooms.protocol.frames.reactions import ReactionKind
from rooms.protocol.frames.replies import ReplyTo

if TYPE_CHECKING:
    UserKey = Any
else:
    UserKey = people.key_type()  # a struct's field has the type of the project's own model


class Row(msgspec.Struct, frozen=True, array_like=True):
    """What a statement answers."""


class NewMessage(msgspec.Struct, frozen=True):
    """A message of checked content that is to be stored."""

    room_id: int
    author_id: UserKey
    content: str
    client_id: str | None = None
    kind: str = Message.Kind.CHAT.value
    reply_to: int | None = None
    moderates: bool = False  # its author moderates every room: slow mode and locks do not hold for them


class StoredMessage(Row, frozen=True):
    """A message as it is stored; without a `username` its author was deleted. Times are in UTC."""

    id: int
    room_id: int
    room_name: str
    seq: int
    changed_seq: int
    kind: str
    author_id: UserKey | None
    username: str | None
    content: str
    client_id: str | None
    created_at: datetime
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    deleted_by_id: UserKey | None = None
    avatar: str | None = None
    reaction_count: int = 0
    reactions: list[ReactionKind] | None = None
    reply_to: int | None = None
    root: int | None = None
    quote: ReplyTo | None = None
    last_reply_seq: int | None = None
    reply_count: int | None = None  # in pages


R = TypeVar("R", bound=Row)
M = TypeVar("M", bound=StoredMessage)


class Repeated(StoredMessage, frozen=True):
    """A message that was stored before the one that repeats its client id."""


class RoomAccess(Row, frozen=True):
    """All that decides what a user may do in a room; `role` is None for who is no member."""

    room_id: int
    name: str
    kind: str
    last_seq: int
    transient: bool
    closed: bool
    active: bool
    username: str | None
    role: str | None
    banned_until: datetime | None
    muted_until: datetime | None
    server_banned_until: datetime | None = None
    kicked_at: datetime | None = None
    posted_at: datetime | None = None  # the last message in slow mode
    slow_mode_s: int = 0
    locked: bool = False
    ban_reason: str = ""
    visible_from_seq: int = 0  # what is older is hidden from this user
    access_version: int = 0  # of the room: raised with every change of who may write there


class RoomEntry(RoomAccess, frozen=True):
    """The same, with what a list of rooms shows."""

    title: str = ""
    created_at: datetime = datetime.min.replace(tzinfo=UTC)
    link: str = ""
    topic: str = ""
    history: str = Room.History.ALL.value
    level: str | None = None  # what a member is notified of


class PostContext(msgspec.Struct, frozen=True):
    """What the database knows about a new message: its author's access (None: no such room), and the message that
    already has its author and client id."""

    access: RoomAccess | None
    repeated: Repeated | None


class RoomHead(Row, frozen=True):
    """Where a room's numbered stream stands: its last seq, the last one that pruning took, and its epoch."""

    last_seq: int
    pruned_seq: int
    epoch: str


class SignInState(Row, frozen=True):
    """A user's ban from the chat, and how often all their connections were ended."""

    banned_until: datetime | None
    ban_reason: str
    disconnects: int


class BulkDeleted(Row, frozen=True):
    """A change that erased all messages of a user, or, without a user, those of a JSON list of ids."""

    changed_seq: int
    user_key: str
    message_ids: str
    by_id: UserKey | None


class Placed(Row, frozen=True):
    """Where a new message was stored."""

    room_id: int
    seq: int
    id: int


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


def named(messages: list[M]) -> list[M]:
    """The same messages with their authors' names and pictures, where the project's functions give them."""
    if not people.by_function():
        return messages
    shown = people.lookup(message.author_id for message in messages if message.author_id is not None)
    return [
        msgspec.structs.replace(message, username=author.name, avatar=author.avatar) if author else message
        for message, author in ((message, shown.get(message.author_id)) for message in messages)
    ]


def hidden(message: StoredMessage) -> StoredMessage:
    """What remains of a message for a member who may not see it: its place and its last change, as of a deleted one."""
    moment = message.deleted_at or message.edited_at or message.created_at
    return msgspec.structs.replace(
        message,
        author_id=None,
        username=None,
        avatar=None,
        content="",
        client_id=None,
        deleted_at=moment,
        reactions=None,
        reply_to=None,
        quote=None,
    )


def columns(row: type[Row], sources: Mapping[str, str]) -> str:
    """The list after SELECT that answers this row; KeyError when one of its fields has no source.

    SQLite has no boolean and no timestamp: the alias names the converter to one. PostgreSQL ignores it.
    """
    return ", ".join([f"{sources[field]}{_ALIASES.get(field, '')}" for field in row.__struct_fields__])


def json_columns(row: type[Row], sources: Mapping[str, str]) -> str:
    """The same as arguments of SQLite's json_array: its moments are texts in UTC that do not say so."""
    return ", ".join(
        [f"{sources[field]} || 'Z'" if field in _MOMENTS else sources[field] for field in row.__struct_fields__]
    )


def read(row: type[R], rows: Iterable[Any]) -> list[R]:
    """Rows of the database as these; msgspec.ValidationError when the database answers something else."""
    return msgspec.convert(rows, list[row])  # type: ignore[valid-type]  # a type that is known when it runs


_MOMENTS = (
    "created_at", "edited_at", "deleted_at", "banned_until", "muted_until", "server_banned_until", "kicked_at",
    "posted_at",
)  # fmt: skip
_ALIASES = {field: f' AS "{field} [utc]"' for field in _MOMENTS}
_ALIASES |= {field: f' AS "{field} [bool]"' for field in ("closed", "active", "transient", "locked", "is_hidden")}
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
    **dict.fromkeys(("reactions", "quote", "reply_count"), "NULL"),  # read beside, where there are any
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
HEAD_SOURCES = {field: column(Room, field) for field in RoomHead.__struct_fields__}
