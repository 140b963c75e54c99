"""The messages that answer one."""

from collections.abc import Sequence

from rooms.protocol.frames.base import Frame
from rooms.protocol.frames.posting import ChatMessage, RoomMessage


class Replies(Frame, tag="replies"):
    """Answers `get-replies`: messages of the thread, oldest first."""

    room_id: str
    message_id: str
    messages: Sequence[ChatMessage | RoomMessage]


FRAMES: tuple[type[Frame], ...] = (Replies,)
