"""The connection, its user, and the answers that every command can have."""

import msgspec

from rooms.protocol.frames.base import Frame
from rooms.protocol.frames.changes import MessageEdited


class SignedInUser(msgspec.Struct, rename="camel", frozen=True):
    id: str
    username: str
    roles: list[str]


class Welcome(Frame, tag="welcome"):
    """First on every connection. `serverTime` is the server's clock, as `timestamp` is."""

    message: str
    timestamp: str
    server_time: str


class Pong(Frame, tag="pong"):
    """Answers `ping`."""


class AuthSuccess(Frame, tag="auth-success"):
    """The connection is signed in as this user."""

    user: SignedInUser


class AuthFailed(Frame, tag="auth-failed"):
    """The token is not valid; a close with 1008 follows. `code` is `auth-expired` when it has only expired."""

    message: str
    code: str | None = None


class AuthExpiring(Frame, tag="auth-expiring"):
    """The token expires in `inMs` milliseconds, and the connection is closed then unless a new `auth` comes."""

    in_ms: int


class ServerDraining(Frame, tag="server-draining"):
    """This process is stopping: a close with 1001 follows in `reconnectInMs` milliseconds. Reconnect then."""

    reconnect_in_ms: int


class Compressed(Frame, tag="compressed"):
    """Base64 of gzip of one frame, for connections that accept `compressed`; only frames over 1 KiB are sent so."""

    data: str


class Ack(Frame, tag="ack"):
    """The command with this `id` was carried out. A message is stored, with this `seq` (a slash command has none); a
    change of one has taken the room's `changedSeq`. `count` is how many messages were deleted, `version` that of a mark
    whose `seq` this is, `offset` where a text goes on.
    """

    room_id: str | None = None
    seq: int | None = None
    message_id: str | None = None
    timestamp: str | None = None
    changed_seq: int | None = None
    count: int | None = None
    version: int | None = None
    offset: int | None = None


class Error(Frame, tag="error"):
    """The command was refused; the connection stays open unless a close follows. Codes are listed below.

    `bucket` names the rate that a `rate-limited` command exceeded; `reason` says of a `forbidden` message that the room
    is `closed` or the text is `filtered`. `current` is the message as it is now, for an edit that is refused because
    the text was edited meanwhile, `offset` where a text goes on that something else was to be appended to.
    """

    message: str
    code: str
    retryable: bool
    retry_after_ms: int | None = None
    bucket: str | None = None
    reason: str | None = None
    current: MessageEdited | None = None
    offset: int | None = None


FRAMES: tuple[type[Frame], ...] = (
    Welcome, Pong, AuthSuccess, AuthFailed, AuthExpiring, ServerDraining, Compressed, Ack, Error,
)  # fmt: skip
