"""What is broadcast: an event for a topic, and the encoded frame its recipients share. Knows no models or sockets."""

import msgspec

from rooms.protocol.codec import deflate, encode
from rooms.protocol.frames.session import Compressed


class Event(msgspec.Struct, array_like=True, frozen=True):
    """One encoded frame for every connection of a topic, in this process and in the others.

    `seq` is the room's seq of the change, 0 for an ephemeral event; `skip` is a connection that gets none. `of` is the
    seq of the older message that the event changes; who may not see that one is sent `hidden` instead. `quotes` is the
    seq of one that the event quotes; who may not see that is sent `unquoted`.
    """

    topic: str
    payload: bytes
    seq: int = 0
    skip: str = ""
    of: int = 0
    hidden: bytes = b""
    quotes: int = 0
    unquoted: bytes = b""


class Encoded:
    """A server frame as JSON bytes, and each form of it that sockets need, made once for all recipients."""

    __slots__ = ("_compressed", "_text", "_wire", "payload")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self._compressed: Encoded | None = None
        self._text: str | None = None
        self._wire: bytes | None = None

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = self.payload.decode()
        return self._text

    @property
    def compressed(self) -> "Encoded":
        """The same as a `compressed` frame, or this one where that would not be shorter."""
        if self._compressed is None:
            wrapped = Encoded(encode(Compressed(data=deflate(self.payload))))
            self._compressed = wrapped if len(wrapped.payload) < len(self.payload) else self
        return self._compressed

    @property
    def wire(self) -> bytes:
        """The whole unmasked WebSocket text frame (RFC 6455, 5.2): opcode, length in 7, 16 or 64 bits, payload."""
        if self._wire is None:
            size = len(self.payload)
            if size < 126:
                head = bytes((0x81, size))
            elif size < 65_536:
                head = b"\x81\x7e" + size.to_bytes(2, "big")
            else:
                head = b"\x81\x7f" + size.to_bytes(8, "big")
            self._wire = head + self.payload
        return self._wire


def pack(events: list[Event]) -> bytes:
    return msgspec.msgpack.encode(events)


_decoder = msgspec.msgpack.Decoder(list[Event])


def unpack(data: bytes) -> list[Event]:
    return _decoder.decode(data)
