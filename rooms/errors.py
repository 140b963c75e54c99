"""The one catalogue of errors that a client can receive, over the socket or over HTTP.

Raised anywhere below the entry points, rendered in two places: the consumer (an `error` frame) and HTTP.
Knows nothing of frames, models or requests.
"""

from typing import Any, ClassVar


class ChatError(Exception):
    """A refusal with a stable `code`; `status` is its HTTP status."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    text: ClassVar[str] = "Internal server error"
    reason: ClassVar[str | None] = None  # where one code is for several refusals

    def __init__(
        self,
        message: str = "",
        *,
        retry_after_ms: int | None = None,
        bucket: str | None = None,
        current: Any = None,
        offset: int | None = None,
    ) -> None:
        """`bucket` names the rate that was too high, `current` is the frame of what is stored instead, `offset` is
        where a text goes on.
        """
        self.message = message or self.text
        self.retry_after_ms, self.bucket, self.current, self.offset = retry_after_ms, bucket, current, offset
        super().__init__(self.message)


class BadJson(ChatError):
    """The text is not one JSON document."""

    code, status, text = "bad-json", 400, "Not valid JSON"


class BadFrame(ChatError):
    """JSON, but a field is missing, wrong or outside its rule."""

    code, status, text = "bad-frame", 400, "Not a valid frame"


class UnknownType(ChatError):
    """A frame whose `type` no command has."""

    code, status, text = "unknown-type", 400, "Unknown frame type"


class UnknownCommand(ChatError):
    """A text begins with the name of a slash command that there is not; nothing was sent."""

    code, status, text = "unknown-command", 400, "There is no such command"


class TooLarge(ChatError):
    """A frame, or the content in it, over its limit."""

    code, status, text = "too-large", 413, "Too large"


class AuthRequired(ChatError):
    """Not signed in, or the token or session is not valid."""

    code, status, text = "auth-required", 401, "Please authenticate first"


class AuthExpired(AuthRequired):
    """The token has expired; obtain a new one."""

    code, text = "auth-expired", "Token has expired"


class Forbidden(ChatError):
    """Signed in, but not allowed."""

    code, status, text = "forbidden", 403, "Permission denied"


class Refused(Forbidden):
    """A hook of the project refused it; the message says why."""


class Filtered(Refused):
    """The message has a phrase that the site's moderators do not allow."""

    reason, text = "filtered", "This message has words that are not allowed here"


class Disconnected(Forbidden):
    """An admin has ended all connections of this user."""

    text = "Your connections were ended by an administrator"


class NoSuchRoom(ChatError):
    """No such room, or none that this user may know of."""

    code, status, text = "no-such-room", 404, "No such room"


class NotInRoom(ChatError):
    """The command needs the sender to have joined the room on this connection."""

    code, status, text = "not-in-room", 403, "Join the room first"


class Muted(ChatError):
    """The sender may read here, but not write for now."""

    code, status, text = "muted", 403, "You are muted in this room"


class Banned(ChatError):
    """The user may not enter the room, or this server."""

    code, status, text = "banned", 403, "You are banned"


class SlowMode(ChatError):
    """A member may write once in the seconds that the room sets; the message can be sent again after `retryAfterMs`."""

    code, status, retryable, text = "slow-mode", 429, True, "This room is in slow mode"


class Closed(Forbidden):
    """The room is closed: it can only be read."""

    reason, text = "closed", "This room is closed"


class Locked(ChatError):
    """Only moderators write in this room for now."""

    code, status, text = "locked", 403, "This room is locked"


class Blocked(ChatError):
    """The other person of a direct room has blocked the sender."""

    code, status, text = "blocked", 403, "You cannot write to this person"


class NoSuchMessage(ChatError):
    """No such message in this room, or none that this user may know of."""

    code, status, text = "no-such-message", 404, "No such message"


class StreamOver(ChatError):
    """The message is not being written any more: it was ended, stopped, deleted, or its bot was silent for too long."""

    code, status, text = "stream-over", 409, "This message is not being written any more"


class EditWindowOver(ChatError):
    """The message is older than messages may be edited here."""

    code, status, text = "edit-window-over", 403, "This message can no longer be edited"


class NoSuchUser(ChatError):
    """No such person, or none that this command can be about."""

    code, status, text = "no-such-user", 404, "No such person"


class NoSuchWebhook(ChatError):
    """No such webhook in this room."""

    code, status, text = "no-such-webhook", 404, "No such webhook"


class InvalidInvitation(ChatError):
    """The invitation does not exist, has expired, was used up or was revoked."""

    code, status, text = "invalid-invitation", 404, "This invitation is not valid"


class InvalidAttachment(ChatError):
    """A file that cannot be taken: it is empty, no whole image or has too many pixels; or too many files at once."""

    code, status, text = "invalid-attachment", 400, "This file cannot be used"


class NoSuchAttachment(InvalidAttachment):
    """No such file, or none that the caller may read or send: somebody else's, or one that was sent before."""

    code, status, text = "invalid-attachment", 404, "No such file"


class Conflict(ChatError):
    """It contradicts what is stored: a `clientId` of another message, a name like another's, a text edited since."""

    code, status, text = "conflict", 409, "Conflict"


class RateLimited(ChatError):
    """Too much of one kind in a short time; `bucket` says of which rate, `retryAfterMs` when the next one counts."""

    code, status, retryable, text = "rate-limited", 429, True, "Too many requests"


class Unavailable(ChatError):
    """A dependency or this process cannot serve now; nothing was stored, and the same command may be sent again."""

    code, status, retryable, text = "unavailable", 503, True, "Temporarily unavailable"


class Internal(ChatError):
    """A server error; it is logged with its stack."""

    code = "internal"
