"""The pinned messages of a room."""

from collections.abc import Sequence

from rooms.protocol.frames.base import Frame
from rooms.protocol.frames.posting import ChatMessage, RoomMessage


class Pins(Frame, tag="pins"):
    """Answers `get-pins`: pinned messages in the order of their `seq`."""

    room_id: str
    messages: Sequence[ChatMessage | RoomMessage]


FRAMES: tuple[type[Frame], ...] = (Pins,)
