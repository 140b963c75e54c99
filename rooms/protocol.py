"""The wire: one class per command and per event. The only place where a frame's shape is known.

Knows nothing of sockets, models or who may do what. docs/protocol.md is generated from the docstrings here.
"""

import base64
import binascii
import unicodedata
import zlib
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Union, cast

import msgspec
from django.conf import settings

from chatsite.errors import BadFrame, BadJson, ChatError, TooLarge, UnknownType

HISTORY_DEFAULT, HISTORY_MAX = 50, 200
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]  # what a JavaScript number holds exactly
Limit = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


def room_name(value: str) -> str:
    """A room's name in its one spelling (NFC): 1 to 80 letters and digits of any language, `-`, `_`, `.`; BadFrame."""
    name = unicodedata.normalize("NFC", value) if len(value) <= 320 else value
    if not 1 <= len(name) <= 80:
        raise BadFrame("A room name has 1 to 80 characters")
    if not all(c in "-_." or unicodedata.category(c)[0] in "LMN" for c in name):
        raise BadFrame("A room name has letters, digits, '-', '_' and '.' only")
    return name


def text_content(value: str) -> str:
    """The text of a message, unchanged. BadFrame: blank, or with a NUL; TooLarge: over CHAT_MAX_CONTENT_CHARS."""
    if not value.strip():
        raise BadFrame("Message content is empty")
    if "\0" in value:
        raise BadFrame("Message content must not contain NUL")
    if 0 < settings.CHAT_MAX_CONTENT_CHARS < len(value):
        raise TooLarge(f"Message content is over {settings.CHAT_MAX_CONTENT_CHARS} characters")
    return value


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- Commands: what a client sends ------------------------------------------------------------------------------------
class Command(msgspec.Struct, tag_field="type", rename="camel", kw_only=True):
    """Any command may carry `id`; exactly one answer then carries the same."""

    before_auth: ClassVar[bool] = False
    id: Id | None = None


class RoomCommand(Command):
    room_id: str

    @property
    def name(self) -> str:
        return room_name(self.room_id)


class EitherRoomCommand(Command):
    """Names its room as `roomId` or, as some older clients do, as `room`."""

    room_id: str | None = None
    room: str | None = None

    @property
    def name(self) -> str:
        value = self.room_id if self.room_id is not None else self.room
        if value is None:
            raise BadFrame("Object missing required field `roomId`")
        return room_name(value)


class Ping(Command, tag="ping"):
    """Asks whether the server is there. Answer: `pong`."""

    before_auth = True


class Auth(Command, tag="auth"):
    """Signs in with an access token, or replaces it in place. Answer: `auth-success`, or `auth-failed` and a close."""

    before_auth = True
    token: Annotated[str, msgspec.Meta(max_length=4096)]


class CreateRoom(RoomCommand, tag="create-room"):
    """Makes a room that stays. Answer: `room-created`; `success` is false when it exists already."""


class JoinRoom(EitherRoomCommand, tag="join-room"):
    """Enters a room, and makes it if there is none. Answer: `room-joined`, then `message-history`."""


class LeaveRoom(EitherRoomCommand, tag="leave-room"):
    """Leaves a room. Answer: `room-left`."""


class SendMessage(RoomCommand):
    """Says something in a joined room. Answer (when it has an `id`): `ack`, after the message is stored."""

    content: str
    client_id: Id | None = None


class SendChatMessage(SendMessage, tag="chat-message"):
    __doc__ = SendMessage.__doc__


class SendRoomMessage(SendMessage, tag="room-message"):
    """The same under its older name; the event then is `room-message`."""


class SendChat(Command, tag="chat"):
    """Says something to everybody who is signed in, without storing it. Answer (when it has an `id`): `ack`."""

    message: str | None = None
    content: str | None = None

    @property
    def text(self) -> str:
        value = self.message if self.message is not None else self.content
        if value is None:
            raise BadFrame("Object missing required field `message`")
        return text_content(value)


class GetRooms(Command, tag="get-rooms"):
    """Answer: `rooms-list`, every room the user may know of."""


class GetHistory(RoomCommand, tag="get-history"):
    """A page of a room: the newest, or before or after a `seq`; 200 messages at most. Answer: `message-history`."""

    limit: Limit = HISTORY_DEFAULT
    before: Seq | None = None
    after: Seq | None = None


class GetOnlineUsers(Command, tag="get-online-users"):
    """Answer: `online-users`."""


class AdminBroadcast(Command, tag="admin-broadcast"):
    """Says something to everybody, as an admin. Answer (when it has an `id`): `ack`; without the role `error`."""

    content: str


class CompressedCommand(Command, tag="compressed"):
    """Base64 of gzip of one command, which is handled as if it had come by itself."""

    before_auth = True
    data: str


# --- Frames the server sends ------------------------------------------------------------------------------------------
class UserRef(msgspec.Struct, rename="camel", frozen=True):
    id: str
    username: str


class SignedInUser(msgspec.Struct, rename="camel", frozen=True):
    id: str
    username: str
    roles: list[str]


class OnlineUser(msgspec.Struct, rename="camel", frozen=True):
    id: str
    username: str
    authenticated_at: str


class RoomRef(msgspec.Struct, rename="camel", frozen=True):
    id: str
    member_count: int


class Frame(msgspec.Struct, tag_field="type", rename="camel", kw_only=True, omit_defaults=True):
    """`id` repeats that of the command this frame answers; it is absent otherwise."""

    id: str | None = None


class Welcome(Frame, tag="welcome"):
    """First on every connection. `serverTime` is in milliseconds since 1970."""

    message: str
    timestamp: str
    server_time: int


class Pong(Frame, tag="pong"):
    """Answers `ping`."""


class AuthSuccess(Frame, tag="auth-success"):
    """The connection is signed in as this user."""

    user: SignedInUser


class AuthFailed(Frame, tag="auth-failed"):
    """The token is not good; a close with 1008 follows. `code` is `auth-expired` when a new token would help."""

    message: str
    code: str | None = None


class AuthExpiring(Frame, tag="auth-expiring"):
    """The token ends in `inMs` milliseconds, and the connection with it, unless a new `auth` comes."""

    in_ms: int


class RoomCreated(Frame, tag="room-created"):
    """Answers `create-room`."""

    room_id: str
    success: bool


class RoomJoined(Frame, tag="room-joined"):
    """Answers `join-room`. `memberCount` counts people in the room across all processes, not sockets."""

    room_id: str
    member_count: int


class RoomLeft(Frame, tag="room-left"):
    """Answers `leave-room`."""

    room_id: str


class UserJoined(Frame, tag="user-joined"):
    """Somebody came into a room; not sent to the one who came."""

    room_id: str
    user: UserRef
    timestamp: str


class UserLeft(Frame, tag="user-left"):
    """Somebody left a room with their last connection."""

    room_id: str
    user: UserRef
    timestamp: str


class Message(Frame):
    """One stored message. `seq` orders a room's messages; `changedSeq` is above it once the message was changed."""

    room_id: str
    user: UserRef
    content: str
    timestamp: str
    message_id: str
    seq: int
    changed_seq: int
    client_id: str | None = None


class ChatMessage(Message, tag="chat-message"):
    __doc__ = Message.__doc__


class RoomMessage(Message, tag="room-message"):
    """The same, sent under the older name."""


class MessageDeleted(Frame, tag="message-deleted"):
    """A message was taken away. `changedSeq` is the room's seq of this change."""

    room_id: str
    message_id: str
    seq: int
    changed_seq: int


class MessageHistory(Frame, tag="message-history"):
    """A page of a room's messages, oldest first. Follows `room-joined` with the last 50; answers `get-history`."""

    room_id: str
    messages: list[ChatMessage | RoomMessage]


class Chat(Frame, tag="chat"):
    """Somebody spoke to everybody. It is not stored."""

    user: UserRef
    message: str
    timestamp: str


class RoomsList(Frame, tag="rooms-list"):
    """Answers `get-rooms`."""

    rooms: list[RoomRef]


class OnlineUsers(Frame, tag="online-users"):
    """Answers `get-online-users`: people, not sockets."""

    users: list[OnlineUser]


class AdminMessage(Frame, tag="admin-message"):
    """An admin spoke to everybody; `from` is the admin's username."""

    content: str
    sender: str = msgspec.field(name="from")


class Ack(Frame, tag="ack"):
    """The command with this `id` is done. For a message: it is stored, under this `seq`."""

    room_id: str | None = None
    seq: int | None = None
    message_id: str | None = None
    timestamp: str | None = None


class Error(Frame, tag="error"):
    """The command was refused; the connection stays open unless a close follows. Codes are listed below."""

    message: str
    code: str
    retryable: bool
    retry_after_ms: int | None = None


COMMANDS: tuple[type[Command], ...] = (
    Ping, Auth, CreateRoom, JoinRoom, LeaveRoom, SendChatMessage, SendRoomMessage, SendChat,
    GetRooms, GetHistory, GetOnlineUsers, AdminBroadcast, CompressedCommand,
)  # fmt: skip
FRAMES: tuple[type[Frame], ...] = (
    Welcome, Pong, AuthSuccess, AuthFailed, AuthExpiring, RoomCreated, RoomJoined, RoomLeft, UserJoined, UserLeft,
    ChatMessage, RoomMessage, MessageDeleted, MessageHistory, Chat, RoomsList, OnlineUsers, AdminMessage, Ack, Error,
)  # fmt: skip


# --- Bytes ------------------------------------------------------------------------------------------------------------
class _Envelope(msgspec.Struct):
    """What is read of a frame that did not decode, so that its error can name it."""

    type: Any = None
    id: Any = None


class CommandError(Exception):
    """A frame that is no command: the `error` that says why, and the command's `id` if it could be read."""

    def __init__(self, error: ChatError, command_id: str | None = None) -> None:
        self.error, self.command_id = error, command_id
        super().__init__(error.message)


_decoder = msgspec.json.Decoder(Union[COMMANDS])  # noqa: UP007 - a tuple of classes has no `|`
_envelope_decoder = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()
_types = {cast(str, command.__struct_config__.tag) for command in COMMANDS}


def decode(text: str | bytes) -> Command:
    """The command in a text frame, `compressed` ones opened; raises CommandError for anything else, whatever it is."""
    command = _decode(text)
    if isinstance(command, CompressedCommand):
        try:
            inner = _decode(inflate(command.data))
        except ChatError as error:
            raise CommandError(error, command.id) from None
        if isinstance(inner, CompressedCommand):
            raise CommandError(BadFrame("A compressed frame inside a compressed frame"), inner.id)
        return inner
    return command


def _decode(text: str | bytes) -> Command:
    try:
        return cast(Command, _decoder.decode(text))
    except msgspec.ValidationError as error:
        raise _explain(text, error) from None
    except RecursionError:
        raise CommandError(BadJson("Nested too deep")) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise CommandError(BadJson(f"Not valid JSON: {error}")) from None


def _explain(text: str | bytes, error: msgspec.ValidationError) -> CommandError:
    """Reads as much of a refused frame as its error needs: is its type known, and had it an id?"""
    try:
        envelope = _envelope_decoder.decode(text)
    except msgspec.ValidationError:
        return CommandError(BadFrame("A frame is one JSON object"))
    except (msgspec.DecodeError, RecursionError):
        return CommandError(BadJson())
    known_id = envelope.id if isinstance(envelope.id, str) and 1 <= len(envelope.id) <= 64 else None
    if isinstance(envelope.type, str) and envelope.type not in _types:
        return CommandError(UnknownType(f"Unknown frame type {envelope.type[:40]!r}"), known_id)
    return CommandError(BadFrame(str(error)), known_id)


def inflate(data: str) -> bytes:
    """Opens base64 of gzip; never makes more than CHAT_MAX_FRAME_BYTES of it, and raises TooLarge instead."""
    limit = settings.CHAT_MAX_FRAME_BYTES
    stream = zlib.decompressobj(wbits=31)
    try:
        opened = stream.decompress(base64.b64decode(data, validate=True), limit + 1 if limit else 0)
    except (binascii.Error, ValueError, zlib.error):
        raise BadFrame("data is not base64 of gzip") from None
    if limit and len(opened) > limit:
        raise TooLarge(f"The frame is over {limit} bytes when opened")
    if not stream.eof or stream.unused_data:
        raise BadFrame("data is not one whole gzip stream")
    return opened


def encode(frame: Frame) -> bytes:
    return _encoder.encode(frame)
