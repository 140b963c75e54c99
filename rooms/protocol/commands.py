"""What a client sends: one class per command, with its tag, fields and limits."""

from typing import Annotated, ClassVar

import msgspec

from chatsite.errors import BadFrame
from rooms.protocol.rules import room_name, text_content

HISTORY_DEFAULT, HISTORY_MAX = 50, 200
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]  # PostgreSQL stores no NUL
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]  # what a JavaScript number holds exactly
Limit = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


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
    """Signs in with an access token, or replaces it in place. Answer: `auth-success`, or `auth-failed` and a close.

    `accept` adds to what the connection accepts beyond the base protocol, as `?accept=heads` on the URL does.
    """

    before_auth = True
    token: Annotated[str, msgspec.Meta(max_length=4096)]
    accept: list[str] = []


class CreateRoom(RoomCommand, tag="create-room"):
    """Makes a room that stays. Answer: `room-created`; `success` is false when it exists already."""


class JoinRoom(EitherRoomCommand, tag="join-room"):
    """Enters a room (`roomId` or `room`), made if there is none. Answer: `room-joined`, then `message-history`.

    With `after`, the last seq the client has seen, the history is all that changed since then, in order of the changes.
    """

    after: Seq | None = None


class LeaveRoom(EitherRoomCommand, tag="leave-room"):
    """Leaves a room (`roomId` or `room`). Answer: `room-left`."""


class SendMessage(RoomCommand):
    """Says something in a joined room. Answer (when it has an `id`): `ack`, after the message is stored."""

    content: str
    client_id: Id | None = None


class SendChatMessage(SendMessage, tag="chat-message"):
    __doc__ = SendMessage.__doc__


class SendRoomMessage(SendMessage, tag="room-message"):
    """The same under its older name; the event then is `room-message`."""


class SendChat(Command, tag="chat"):
    """Says something (`message` or `content`) to everybody signed in; not stored. Answer to an `id`: `ack`."""

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


COMMANDS: tuple[type[Command], ...] = (
    Ping, Auth, CreateRoom, JoinRoom, LeaveRoom, SendChatMessage, SendRoomMessage, SendChat,
    GetRooms, GetHistory, GetOnlineUsers, AdminBroadcast, CompressedCommand,
)  # fmt: skip
