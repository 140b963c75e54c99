"""Texts that come in pieces."""

from rooms.protocol.frames.base import Frame


class MessageAppended(Frame, tag="message-append"):
    """A piece of the text of a message that is `streaming`, beginning at `offset`, which counts Unicode characters.

    At most 8 a second come of one message (CHAT_STREAM_FRAMES). Not stored, and dropped where a client reads too
    slowly. A client appends what begins within what it has and goes beyond it, ignores what it has, and asks
    `get-stream` where something is missing. A piece may come after the `message-edited` that ends the message: of one
    that is not `streaming` any more none is appended. After the history that a `join-room` is answered with, it is sent
    the text so far of each message that is being written, from offset 0.
    """

    room_id: str
    message_id: str
    seq: int
    offset: int
    text: str


class StreamText(Frame, tag="stream"):
    """Answers `get-stream`: the text so far, from `offset` on."""

    room_id: str
    message_id: str
    seq: int
    offset: int
    text: str


FRAMES: tuple[type[Frame], ...] = (MessageAppended, StreamText)
