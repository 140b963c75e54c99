"""What the hand-written SQL takes and answers: frozen rows. Which columns they come from is in `columns`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from rooms import people
from rooms.mentions import has_sign
from rooms.models import Message, Room
from rooms.protocol.frames.attachments import Attachment
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.reactions import ReactionKind
from rooms.protocol.frames.replies import ReplyTo

if TYPE_CHECKING:
    UserKey = Any
else:
    UserKey = people.key_type()  # a struct's field has the type of the project's own model


SYSTEM = Message.Kind.SYSTEM.value


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
    mentions: tuple[str, ...] = ()  # names besides those in the text
    attachments: tuple[str, ...] = ()  # ids
    bot: bool = False  # its author is one
    bot_mentions: bool = False  # one that may mention people
    stream: bool = False  # its text comes later, in pieces; only bots write so

    @property
    def is_plain(self) -> bool:
        """Whether nothing but its text is stored; else it is stored under the lock of its room."""
        has_more = self.reply_to is not None or self.mentions or self.attachments or self.bot
        return not (has_more or has_sign(self.content))

    @property
    def mentions_people(self) -> bool:
        """Whether it may mention anybody: bots may when they are allowed to, and what the room itself says may not."""
        return self.kind != SYSTEM and (self.bot_mentions or not self.bot)


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
    pinned_at: datetime | None = None
    event: str | None = None  # JSON: what a message of the system says
    mention_count: int = 0
    mentions: list[UserRef] | None = None
    mentions_room: bool = False
    file_count: int = 0
    attachments: list[Attachment] | None = None
    bot: bool = False
    stream: str | None = None  # one of Message.Stream


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
        pinned_at=None,
        event=None,
        mentions=None,
        mentions_room=False,
        attachments=None,
        bot=False,
        stream=None,
    )


def read(row: type[R], rows: Iterable[Any]) -> list[R]:
    """Rows of the database as these; msgspec.ValidationError when the database answers something else."""
    return msgspec.convert(rows, list[row])  # type: ignore[valid-type]  # a type that is known when it runs
