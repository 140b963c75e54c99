"""What the server sends: one class per event and answer, with its tag and fields."""

import msgspec


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
    """Answers `join-room`. `memberCount` counts people in the room across all processes, not sockets.

    To a `join-room` with `after`: `recovered` tells whether the history that follows has all that changed since (else
    it is the newest page, as for a newcomer), and `headSeq` up to which seq it is complete.
    """

    room_id: str
    member_count: int
    recovered: bool | None = None
    head_seq: int | None = None


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


class RoomMembers(Frame, tag="room-members"):
    """How many people are in a large room; sent once a second instead of each `user-joined` and `user-left`."""

    room_id: str
    member_count: int


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
    edited_at: str | None = None


class ChatMessage(Message, tag="chat-message"):
    __doc__ = Message.__doc__


class RoomMessage(Message, tag="room-message"):
    """The same, sent under the older name."""


class MessageEdited(Message, tag="message-edited"):
    """A message was changed; it is told whole, as it is now. `changedSeq` is the room's seq of this change."""


class MessageDeleted(Frame, tag="message-deleted"):
    """A message was taken away. `changedSeq` is the room's seq of this change."""

    room_id: str
    message_id: str
    seq: int
    changed_seq: int


class MessageHistory(Frame, tag="message-history"):
    """A page of a room's messages, oldest first. Follows `room-joined` with the last 50; answers `get-history`.

    After a `join-room` with `after` it has edited and deleted messages too, by `changedSeq`.
    """

    room_id: str
    messages: list[ChatMessage | RoomMessage | MessageEdited | MessageDeleted]


class MessageBatch(Frame, tag="message-batch"):
    """Several events of one room in one frame, in their order, for connections that accept `message-batch`.

    The first event of a quiet room comes by itself; those that follow soon share a frame.
    """

    room_id: str
    messages: list[ChatMessage | RoomMessage | MessageEdited | MessageDeleted]
    timestamp: str


class Compressed(Frame, tag="compressed"):
    """Base64 of gzip of one frame, for connections that accept `compressed`; only frames over 1 KiB come so."""

    data: str


class Heads(Frame, tag="heads"):
    """The last seq of each joined room, at a fixed interval, for connections that accept `heads`."""

    rooms: dict[str, int]


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


class ServerDraining(Frame, tag="server-draining"):
    """This process is stopping: a close with 1001 follows within `reconnectInMs` milliseconds. Reconnect then."""

    reconnect_in_ms: int


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


FRAMES: tuple[type[Frame], ...] = (
    Welcome, Pong, AuthSuccess, AuthFailed, AuthExpiring, RoomCreated, RoomJoined, RoomLeft, UserJoined, UserLeft,
    RoomMembers, ChatMessage, RoomMessage, MessageEdited, MessageDeleted, MessageHistory, MessageBatch, Compressed,
    Heads, Chat, RoomsList, OnlineUsers, AdminMessage, ServerDraining, Ack, Error,
)  # fmt: skip
