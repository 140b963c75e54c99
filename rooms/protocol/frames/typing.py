"""Who is typing."""

from rooms.protocol.frames.base import Frame, UserRef


class Typing(Frame, tag="typing"):
    """Somebody is typing: for `expiresInMs` milliseconds, unless it comes again or with `on` false, or their message
    does. It may be the reader, on another connection. Not sent in rooms with more than 100 people in them
    (CHAT_MAX_TYPING_MEMBERS).
    """

    room_id: str
    user: UserRef
    on: bool
    expires_in_ms: int


FRAMES: tuple[type[Frame], ...] = (Typing,)
