"""Messages to everybody signed in."""

import msgspec

from rooms.protocol.frames.base import Frame, UserRef


class Chat(Frame, tag="chat"):
    """Somebody's message to everybody signed in. It is not stored."""

    user: UserRef
    message: str
    timestamp: str


class AdminMessage(Frame, tag="admin-message"):
    """An admin's message to everybody signed in; `from` is the admin's username."""

    content: str
    sender: str = msgspec.field(name="from")


FRAMES: tuple[type[Frame], ...] = (Chat, AdminMessage)
