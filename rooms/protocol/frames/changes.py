"""What becomes of a message later."""

from rooms.protocol.frames.base import Frame
from rooms.protocol.frames.posting import Message


class MessageEdited(Message, tag="message-edited"):
    """A message was changed; it is told whole, as it is now. `changedSeq` is the room's seq of this change."""


class MessageDeleted(Frame, tag="message-deleted"):
    """A message was taken away. `changedSeq` is the room's seq of this change."""

    room_id: str
    message_id: str
    seq: int
    changed_seq: int


FRAMES: tuple[type[Frame], ...] = (MessageEdited, MessageDeleted)
