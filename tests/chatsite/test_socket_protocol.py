"""The production server's WebSocket protocol: texts past the queue, pre-encoded frames, heartbeats, and its end."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from chatsite.socket_protocol import ChatProtocol

REQUEST = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LIMIT = 1_000
TEXT, CONT, CLOSE, PING, PONG = 0x81, 0x80, 0x88, 0x89, 0x8A


class Line(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written, self.paused, self.closed = b"", False, False
        self.may_wait: int | None = None
        self.unsent = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.may_wait = high

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        pass

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
    """A protocol with an application that records the events it receives."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        config = Config(self.application, ws_max_size=LIMIT, ws_ping_interval=None, log_config=None, interface="asgi3")
        config.load()
        self.protocol, self.line = ChatProtocol(config, ServerState(), {}), Line()
        self.protocol.connection_made(self.line)

    async def application(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while not self.events or self.events[-1]["type"] != "websocket.disconnect":
            self.events.append(await receive())

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


async def opened() -> Served:
    """A protocol after its handshake."""
    served = Served()
    await served.take(REQUEST)
    return served


# --- Reading ----------------------------------------------------------------------------------------------------------
async def test_what_comes_with_the_handshake_is_read() -> None:
    served = Served()
    await served.take(REQUEST + frame(TEXT, b"early")[:8], frame(TEXT, b"early")[8:] + frame(TEXT, b"next"))
    assert [event["text"] for event in served.events] == ["early", "next"]
    await served.end()


@pytest.mark.parametrize("broken", [frame(0xF1, b"x"), frame(TEXT, b"\xff")])
async def test_a_broken_frame_that_comes_with_the_handshake_ends_the_line(broken: bytes) -> None:
    served = Served()
    await served.take(REQUEST + broken, frame(TEXT, b"more"))
    assert served.line.closed
    await served.end()


class Application:
    """What takes texts as they are read, while it `takes` them."""

    def __init__(self, served: Served) -> None:
        self.texts: list[str] = []
        self.takes = True
        served.protocol.on_text = self.on_text

    def on_text(self, text: str) -> bool:
        if self.takes:
            self.texts.append(text)
        return self.takes


async def test_a_whole_text_is_offered_to_the_application_first() -> None:
    served = await opened()
    application = Application(served)
    await served.take(frame(TEXT, b"one") + frame(TEXT, "zwei ü".encode()), frame(TEXT, b"x" * 500))
    assert (application.texts, served.events) == (["one", "zwei ü", "x" * 500], [])
    application.takes = False
    await served.take(frame(TEXT, b"four"))
    assert [event["text"] for event in served.events] == ["four"]
    await served.end()


async def test_a_text_behind_a_queued_one_is_queued_too() -> None:
    served = await opened()
    application = Application(served)
    application.takes = False
    served.protocol.data_received(frame(TEXT, b"one"))
    application.takes = True
    await served.take(frame(TEXT, b"two"))
    assert application.texts == []
    assert [event["text"] for event in served.events] == ["one", "two"]
    await served.end()


async def test_a_text_in_pieces_is_queued_whole() -> None:
    served = await opened()
    application = Application(served)
    await served.take(frame(0x01, b"in "), frame(PING, b""), frame(CONT, b"pieces"))
    assert application.texts == []
    assert [event["text"] for event in served.events] == ["in pieces"]
    await served.end()


@pytest.mark.parametrize(
    ("broken", "code"),
    [(frame(TEXT, b"\xff"), 1007), (frame(TEXT, b"x" * (LIMIT + 1)), 1009), (frame(0xF1, b""), 1002)],
)
async def test_a_broken_frame_is_answered_by_its_close_code(broken: bytes, code: int) -> None:
    served = await opened()
    application = Application(served)
    before = len(served.line.written)
    await served.take(broken, frame(TEXT, b"more"))
    assert served.line.written[before:][2:4] == code.to_bytes(2, "big")
    assert (application.texts, [event["code"] for event in served.events]) == ([], [code])
    await served.end()


# --- Writing ----------------------------------------------------------------------------------------------------------
def watched(served: Served) -> list[Callable[[bytes], None] | None]:
    """What the protocol reports as the way to write."""
    reported: list[Callable[[bytes], None] | None] = []
    served.protocol.watch(reported.append)
    return reported


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
async def test_a_line_that_ends_takes_no_frames(end: Callable[[ChatProtocol], None]) -> None:
    served = await opened()
    reported = watched(served)
    assert reported == [served.line.write]
    end(served.protocol)
    assert reported[-1] is None
    await served.end()


async def test_a_lost_line_takes_no_frames() -> None:
    served = await opened()
    reported = watched(served)
    await served.end()
    assert reported == [served.line.write, None]


async def test_a_full_line_takes_no_frames() -> None:
    served = await opened()
    reported = watched(served)
    assert served.line.may_wait == 0, "what the kernel does not take waits in the outbox"
    served.protocol.pause_writing()
    served.protocol.resume_writing()
    assert reported == [served.line.write, None, served.line.write]
    await served.end()


async def test_what_the_kernel_has_not_taken_is_known_until_the_line_ends() -> None:
    served = await opened()
    served.line.unsent = 300
    assert served.protocol.unsent_bytes() == 300
    served.protocol.abort()
    assert served.protocol.unsent_bytes() == 0
    await served.end()


# --- Heartbeat --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("pong", [frame(PONG, b""), frame(PONG, b"whatever"), frame(PONG, b"")[:3]])
async def test_a_peer_that_answers_pings_stays_and_one_that_does_not_is_cut(pong: bytes) -> None:
    served = await opened()
    reported = watched(served)
    served.protocol.ping_interval = 60
    before = len(served.line.written)
    served.protocol.send_keepalive_ping()
    assert served.line.written[before:] == b"\x89\x00"
    await served.take(pong, frame(PONG, b"")[len(pong) :] if len(pong) < 6 else b"")
    assert not served.protocol.pong_owed
    assert not served.events, "the application receives no pongs"
    served.protocol.send_keepalive_ping()
    served.protocol.send_keepalive_ping()
    assert served.line.closed
    assert reported[-1] is None
    await served.end()


# --- Floods -----------------------------------------------------------------------------------------------------------
MOST = 500  # of CHAT_MAX_CONTROL_FRAMES = 50, at once


async def test_only_the_newest_ping_is_answered() -> None:
    served = await opened()
    before = len(served.line.written)
    await served.take(frame(PING, b"old") + frame(PING, b"new"), frame(PING, b"newer") + frame(CLOSE, b"\x03\xe8"))
    assert served.line.written[before:] == b"\x8a\x03new\x8a\x05newer\x88\x02\x03\xe8"
    await served.end()


async def test_a_peer_that_does_not_read_is_owed_one_pong_at_most() -> None:
    served = await opened()
    before = len(served.line.written)
    served.protocol.pause_writing()
    for number in range(100):
        await served.take(frame(PING, str(number).encode()))
    assert served.line.written[before:] == b""
    served.protocol.resume_writing()
    assert served.line.written[before:] == b"\x8a\x0299"
    await served.end()


FLOODS = {
    "pings": (b"", frame(PING, b"x")),
    "pongs": (b"", frame(PONG, b"x")),
    "empty fragments": (frame(0x01, b""), frame(0x00, b"")),
    "fragments of a byte": (frame(0x01, b"x"), frame(0x00, b"x")),
    "beginnings and ends": (b"", frame(0x01, b"") + frame(CONT, b"x")),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_of_frames_without_a_message_is_closed(kind: str) -> None:
    served = await opened()
    first, again = FLOODS[kind]
    await served.take(first + again * (MOST // 2 - 10))
    assert not served.line.closed
    before = len(served.line.written)
    await served.take(again * MOST, frame(TEXT, b"more"))
    close = served.line.written[before:].partition(b"\x88")[2]
    assert close[1:] == (1008).to_bytes(2, "big") + b"Too many control frames"
    assert served.line.paused
    assert [event["code"] for event in served.events if event["type"] == "websocket.disconnect"] == [1008]
    assert {event.get("text", "x") for event in served.events} == {"x"}, "what comes after is dropped"
    await served.end()


async def test_as_many_over_a_longer_time_are_no_flood() -> None:
    served = await opened()
    for _ in range(4):
        await served.take(frame(PING, b"") * (MOST - 10))
        served.protocol.counted_at -= 10
    assert not served.line.closed
    await served.end()


async def test_without_a_limit_nothing_is_a_flood(settings: Any) -> None:
    settings.CHAT_MAX_CONTROL_FRAMES = 0
    served = await opened()
    await served.take(frame(PING, b"") * 5 * MOST)
    assert not served.line.closed
    await served.end()


async def test_empty_pieces_of_a_message_take_no_memory() -> None:
    served = await opened()
    await served.take(frame(0x01, b"a") + frame(0x00, b"") * 300)
    assert len(served.protocol.frames) == 1
    await served.take(frame(CONT, b"b"))
    assert [event["text"] for event in served.events] == ["ab"]
    await served.end()


async def test_a_long_text_arrives_whole_whatever_its_pieces() -> None:
    served = await opened()
    served.protocol.conn.max_message_size = None
    text = "ü" * 30_000
    data = bytes((TEXT,)) + b"\xff" + len(text.encode()).to_bytes(8, "big") + bytes(4) + text.encode()
    await served.take(data + frame(TEXT, b"next"))
    assert [event["text"] for event in served.events] == [text, "next"]
    await served.end()
