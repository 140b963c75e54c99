"""Messages to everybody signed in, and what the site has for one of them."""

from typing import Any

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


class Notification(Frame, tag="notification"):
    """What the site around the chat has for this user: `event` and `data` are its own. It is not stored."""

    event: str
    data: Any


FRAMES: tuple[type[Frame], ...] = (Chat, AdminMessage, Notification)
