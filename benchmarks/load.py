"""A raw client: just enough WebSocket to be cheap. It cuts frames by their headers and looks for a few bytes in them.

Every message carries a mark and the sender's clock, so that messages are counted, one by one or in batches alike,
and timed by one clock.
"""

import asyncio
import socket
import time
from contextlib import suppress
from typing import Self

import msgspec

MARK = b"~t"
STAMP = 20  # digits of the clock, in nanoseconds, after the mark
PING, CLOSE = 0x9, 0x8
TIMEOUT_S = 120.0  # a measurement that waits longer waits for something that will not come


def content(size: int) -> str:
    """A text of `size` characters, at least 24, that tells when it was sent."""
    return f"~t{time.monotonic_ns():0{STAMP}d} ".ljust(size, "x")


class RawClient(asyncio.Protocol):
    """`count` messages came in `with_messages` frames; if `delays_ms` is a list, it is told how long each took."""

    def __init__(self, path: str = "/ws") -> None:
        self.path = path
        self.buffer = b""
        self.upgraded = self.lost = False
        self.frames = self.count = self.with_messages = 0
        self.delays_ms: list[float] | None = None
        self.rooms: set[str] = set()
        self._awaited = b""
        self._news = asyncio.Event()

    @classmethod
    async def connect(cls, port: int, token: str, accept: str = "", line: socket.socket | None = None) -> Self:
        """A client that is signed in; `line` is a connected socket to use."""
        loop = asyncio.get_running_loop()
        path = f"/ws?accept={accept}" if accept else "/ws"
        place = {"sock": line} if line else {"host": "127.0.0.1", "port": port}
        _, client = await loop.create_connection(lambda: cls(path), **place)
        await client.ask({"type": "auth", "token": token}, b'"auth-success"')
        return client

    async def join(self, room: str, after: int | None = None) -> None:
        self.rooms.add(room)
        more = {} if after is None else {"after": after}
        await self.ask({"type": "join-room", "roomId": room, **more}, b'"message-history"')

    def say(self, room: str, size: int) -> None:
        """Sends a message that asks for its ack."""
        self.send({"type": "chat-message", "id": str(time.monotonic_ns()), "roomId": room, "content": content(size)})

    async def ask(self, command: dict[str, object], answer: bytes) -> None:
        """Sends a command and waits for a frame that has these bytes near its beginning."""
        while not self.upgraded:
            await self._change()
        self._awaited = answer
        self.send(command)
        while self._awaited:
            await self._change()

    async def wait_for(self, count: int) -> None:
        while self.count < count:
            await self._change()

    async def ends(self, within_s: float) -> bool:
        """Whether the server hangs up within so many seconds."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(within_s):
                while True:
                    await self._change()
        return self.lost

    async def _change(self) -> None:
        if self.lost:
            raise ConnectionError("The server has closed the line")
        self._news.clear()
        async with asyncio.timeout(TIMEOUT_S):
            await self._news.wait()

    def send(self, frame: dict[str, object]) -> None:
        self._write(0x1, msgspec.json.encode(frame))

    def _write(self, opcode: int, payload: bytes) -> None:
        size, first = len(payload), bytes((0x80 | opcode,))
        head = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self.transport.write(first + head + b"\0\0\0\0" + payload)  # a mask of zeros leaves the payload as it is

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(
            f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost = True
        self._news.set()

    def data_received(self, data: bytes) -> None:
        data = self.buffer + data if self.buffer else data
        at = 0
        if not self.upgraded:
            at = data.find(b"\r\n\r\n") + 4
            self.upgraded = at > 3
        while self.upgraded and len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size > 125:
                width = 2 if size == 126 else 8
                if len(data) - start < width:
                    break
                size, start = int.from_bytes(data[start : start + width], "big"), start + width
            if len(data) - start < size:
                break
            self._frame(data, data[at] & 0xF, start, start + size)
            at = start + size
        self.buffer = data[at:] if self.upgraded else data
        self._news.set()

    def _frame(self, data: bytes, opcode: int, start: int, end: int) -> None:
        self.frames += 1
        if opcode == PING:
            self._write(0xA, data[start:end])
        elif opcode == CLOSE:
            self.lost = True
        elif marks := data.count(MARK, start, end):
            self.count += marks
            self.with_messages += 1
            if self.delays_ms is not None:
                self._time(self.delays_ms, data, start, end)
        if self._awaited and data.find(self._awaited, start, start + 40) >= 0:
            self._awaited = b""

    def _time(self, delays_ms: list[float], data: bytes, start: int, end: int) -> None:
        now = time.monotonic_ns()
        while (start := data.find(MARK, start, end) + len(MARK)) >= len(MARK):
            delays_ms.append((now - int(data[start : start + STAMP])) / 1e6)
