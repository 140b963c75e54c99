"""Messages edited and deleted."""

from rooms.protocol.frames.base import Frame, UserRef
from rooms.protocol.frames.posting import Message


class MessageEdited(Message, tag="message-edited"):
    """A message was changed; this is all of it, as it is now. `changedSeq` is the room's seq of this change."""


class MessageDeleted(Frame, tag="message-deleted"):
    """A message was deleted, by its author or a moderator. `changedSeq` is the room's seq of this change."""

    room_id: str
    message_id: str
    seq: int
    changed_seq: int
    by: UserRef | None = None


FRAMES: tuple[type[Frame], ...] = (MessageEdited, MessageDeleted)
