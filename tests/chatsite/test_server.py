"""What our production server reads by itself is what the library would have read, however the line cuts it."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn import Config
from uvicorn.server import ServerState

from chatsite.server import UNREAD, ChatProtocol, frame_at

REQUEST = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LIMIT = 1_000
TEXT, BINARY, CONT, CLOSE, PING = 0x81, 0x82, 0x80, 0x88, 0x89
Chat = list[dict[str, Any]]


class Library(ChatProtocol):
    """The same without the reading of its own."""

    in_step = property(lambda self: False, lambda self, value: None)


class Line(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written, self.paused, self.closed = b"", False, False
        self.may_wait: int | None = None

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.may_wait = high

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = write_eof = close


class Served:
    """A protocol with an application that writes down what it is told, or does not ask for it."""

    def __init__(self, kind: type[ChatProtocol], *, reads: bool = True) -> None:
        self.told: Chat = []
        self.reads = reads
        config = Config(self.application, ws_max_size=LIMIT, ws_ping_interval=None, log_config=None, interface="asgi3")
        config.load()
        self.protocol, self.line = kind(config, ServerState(), {}), Line()
        self.protocol.connection_made(self.line)

    async def application(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while self.reads:
            self.told.append(await receive())
            if self.told[-1]["type"] == "websocket.disconnect":
                return
        await asyncio.Event().wait()

    async def take(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.protocol.data_received(piece)
            for _ in range(3):
                await asyncio.sleep(0)

    async def end(self) -> None:
        self.protocol.connection_lost(None)
        for task in self.protocol.tasks:
            task.cancel()
        await asyncio.gather(*self.protocol.tasks, return_exceptions=True)


def frame(kind: int, payload: bytes, *, mask: bytes = b"abcd") -> bytes:
    size = len(payload)
    head = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes((kind,)) + head + mask + masked


FRAMES = st.one_of(
    st.builds(lambda text: frame(TEXT, text.encode()), st.text(max_size=200)),
    st.sampled_from(
        [
            frame(PING, b"are you there"),
            frame(BINARY, b"\x00\xff"),
            frame(0x01, b"in ") + frame(PING, b"") + frame(CONT, b"pieces"),
            frame(TEXT, b"x" * 500),
            frame(TEXT, "\u00e9".encode()[:1]),
            frame(TEXT, b"x" * (LIMIT + 1)),
            frame(0x01, b"in ") + frame(TEXT, b"not a piece"),
            frame(0xC1, b"compressed?"),
            b"\x81\x02hi",
            b"\x81\xff" + (2**40).to_bytes(8, "big") + b"abcd",
            frame(CLOSE, (1000).to_bytes(2, "big")),
        ]
    ),
)


@given(frames=st.lists(FRAMES, max_size=12), cuts=st.lists(st.integers(0, 1500), max_size=12))
@settings(max_examples=300, deadline=None)
def test_however_it_is_cut_it_is_read_as_the_library_reads_each_frame(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frames)
    ends = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(ends) if end > start]

    async def read(kind: type[ChatProtocol], pieces: list[bytes]) -> tuple[Chat, bytes]:
        served = Served(kind)
        await served.take(REQUEST, *pieces)
        written = served.line.written.partition(b"\r\n\r\n")[2]  # what is before it bears the time
        await served.end()
        return served.told, written

    async def both() -> None:
        assert await read(ChatProtocol, pieces) == await read(Library, frames)

    asyncio.run(both())


async def test_what_comes_with_the_handshake_is_read() -> None:
    served = Served(ChatProtocol)
    await served.take(REQUEST + frame(TEXT, b"early")[:8], frame(TEXT, b"early")[8:] + frame(TEXT, b"next"))
    assert [event["text"] for event in served.told] == ["early", "next"]
    await served.end()


@pytest.mark.parametrize("broken", [frame(0xF1, b"x"), frame(TEXT, b"\xff")])
async def test_a_broken_frame_that_comes_with_the_handshake_ends_the_line(broken: bytes) -> None:
    served = Served(ChatProtocol)
    await served.take(REQUEST + broken, frame(TEXT, b"more"))
    assert served.line.closed
    await served.end()


async def test_whole_texts_do_not_go_through_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served(ChatProtocol)
    await served.take(REQUEST)
    monkeypatch.setattr(served.protocol.conn, "receive_data", None)
    await served.take(frame(TEXT, b"one") + frame(TEXT, "zwei ü".encode()), frame(TEXT, b"x" * 500))
    assert [event["text"] for event in served.told] == ["one", "zwei ü", "x" * 500]
    await served.end()


async def test_an_application_that_does_not_ask_stops_the_reading() -> None:
    served = Served(ChatProtocol, reads=False)
    await served.take(REQUEST, *[frame(TEXT, b"x")] * (UNREAD - 1))
    assert not served.line.paused
    await served.take(frame(TEXT, b"x"))
    assert served.line.paused
    await served.end()


@pytest.mark.parametrize("cut", range(10))
def test_a_frame_whose_head_is_cut_off_has_no_end_yet(cut: int) -> None:
    head = b"\x81\xff" + (70_000).to_bytes(8, "big")
    assert frame_at(b"....", 4) == (0, 4, 4)
    assert frame_at(b"...." + head[:cut], 4)[2] == 4
    assert frame_at(b"...." + head, 4) == (TEXT, 18, 70_018)


async def opened() -> tuple[Served, list[Callable[[bytes], None] | None]]:
    """A protocol after its handshake, and what it says by which it can be written."""
    served, told = Served(ChatProtocol), []
    await served.take(REQUEST)
    served.protocol.watch(told.append)
    return served, told


@pytest.mark.parametrize(
    "end",
    [
        lambda protocol: protocol.shutdown(),
        lambda protocol: protocol.abort(),
        lambda protocol: protocol.data_received(frame(CLOSE, b"\x03\xe8")),
        lambda protocol: protocol.data_received(frame(0x83, b"no such kind")),
        lambda protocol: protocol.keepalive_timeout(),
    ],
    ids=["shutdown", "abort", "closed", "broken", "silent"],
)
async def test_nothing_is_written_to_a_line_that_ends(end: Callable[[ChatProtocol], None]) -> None:
    served, told = await opened()
    assert told == [served.line.write]
    end(served.protocol)
    assert told[-1] is None
    await served.end()


async def test_nothing_is_written_to_a_line_that_is_lost() -> None:
    served, told = await opened()
    await served.end()
    assert told == [served.line.write, None]


async def test_nothing_is_written_to_a_line_while_it_is_full() -> None:
    served, told = await opened()
    assert served.line.may_wait == 0, "what the kernel does not take waits in the outbox"
    served.protocol.pause_writing()
    served.protocol.resume_writing()
    assert told == [served.line.write, None, served.line.write]
    await served.end()


@pytest.mark.parametrize("pong", [frame(0x8A, b""), frame(0x8A, b"whatever"), frame(0x8A, b"")[:3]])
async def test_who_answers_a_ping_is_asked_again_and_who_does_not_is_cut(pong: bytes) -> None:
    served, told = await opened()
    served.protocol.ping_interval = 60
    before = len(served.line.written)
    served.protocol.send_keepalive_ping()
    assert served.line.written[before:] == b"\x89\x00"
    await served.take(pong, frame(0x8A, b"")[len(pong) :] if len(pong) < 6 else b"")
    assert not served.protocol.pong_owed
    assert not served.told, "it is none of the application's business"
    served.protocol.send_keepalive_ping()
    served.protocol.send_keepalive_ping()
    assert served.line.closed
    assert told[-1] is None
    await served.end()
