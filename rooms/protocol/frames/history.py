"""Several messages in one frame, and where each room stands."""

from collections.abc import Sequence

from rooms.protocol.frames.base import Frame
from rooms.protocol.frames.changes import MessageDeleted, MessageEdited
from rooms.protocol.frames.deletions import MessagesDeleted
from rooms.protocol.frames.posting import ChatMessage, RoomMessage
from rooms.protocol.frames.reactions import Reacted


class MessageHistory(Frame, tag="message-history"):
    """A page of a room's messages, oldest first. Follows `room-joined` with the last 50; answers `get-history`.

    After a `join-room` with `after` it has changed and deleted messages too, by `changedSeq`.
    """

    room_id: str
    messages: Sequence[ChatMessage | RoomMessage | MessageEdited | MessageDeleted | MessagesDeleted]


class MessageBatch(Frame, tag="message-batch"):
    """Several events of one room in one frame, in their order, for connections that accept `message-batch`.

    The first event of a quiet room is sent at once and alone; those that follow within an interval share a frame.
    """

    room_id: str
    messages: list[ChatMessage | RoomMessage | MessageEdited | MessageDeleted | MessagesDeleted | Reacted]
    timestamp: str


class Heads(Frame, tag="heads"):
    """The last seq of each joined room by its `roomId`, at a fixed interval, for connections that accept `heads`."""

    rooms: dict[str, int]


FRAMES: tuple[type[Frame], ...] = (MessageHistory, MessageBatch, Heads)
