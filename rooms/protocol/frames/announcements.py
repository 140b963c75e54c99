"""What was said to everybody."""

import msgspec

from rooms.protocol.frames.base import Frame, UserRef


class Chat(Frame, tag="chat"):
    """Somebody spoke to everybody. It is not stored."""

    user: UserRef
    message: str
    timestamp: str


class AdminMessage(Frame, tag="admin-message"):
    """An admin spoke to everybody; `from` is the admin's username."""

    content: str
    sender: str = msgspec.field(name="from")


FRAMES: tuple[type[Frame], ...] = (Chat, AdminMessage)
