"""A message that was just stored."""

from rooms.protocol.frames.base import Frame, UserRef


class Message(Frame):
    """One stored message. `seq` orders a room's messages; `changedSeq` is above it once the message was changed."""

    room_id: str
    user: UserRef
    content: str
    timestamp: str
    message_id: str
    seq: int
    changed_seq: int
    client_id: str | None = None
    edited_at: str | None = None


class ChatMessage(Message, tag="chat-message"):
    __doc__ = Message.__doc__


class RoomMessage(Message, tag="room-message"):
    """The same, sent under the older name."""


FRAMES: tuple[type[Frame], ...] = (ChatMessage, RoomMessage)
