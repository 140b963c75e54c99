"""One client's outbox: in order, bounded, never in the way of a client that reads, and empty after the end."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from rooms.closes import AUTH_FAILED, BANNED, SLOW_CONSUMER, TOKEN_EXPIRED
from rooms.live import connection as connection_module
from rooms.live.broadcast import Write, broadcast
from rooms.live.connection import Connection
from rooms.live.events import Encoded
from rooms.protocol.frames.session import Pong
from tests.support.machine import eventually


class Peer:
    """The far end of an ASGI `send`: takes what comes, unless it has stopped reading or is gone."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = False
        self.was_cut = False

    async def send(self, event: dict[str, Any]) -> None:
        await self.reads.wait()
        if self.gone:
            raise ConnectionResetError
        self.events.append(event)

    def cut(self) -> None:
        self.was_cut = True

    @property
    def texts(self) -> list[str]:
        return [event["text"] for event in self.events if event["type"] == "websocket.send"]

    @property
    def close(self) -> tuple[int, str] | None:
        closes = [(event["code"], event["reason"]) for event in self.events if event["type"] == "websocket.close"]
        assert len(closes) <= 1
        return closes[0] if closes else None


class Line(Peer):
    """A server that takes whole frames, as our production server does; `be_full` sets the state of its write buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False
        self.writes = 0

    def watch(self, on_writable: Callable[[Write | None], None]) -> None:
        self.on_writable = on_writable
        self.be_full(False)

    def be_full(self, full: bool) -> None:
        self.on_writable(None if full else self._write)

    def _write(self, wire: bytes) -> None:
        self.writes += 1
        while wire:
            end = 2 + wire[1]
            self.events.append({"type": "websocket.send", "text": wire[2:end].decode()})
            wire = wire[end:]

    def unsent_bytes(self) -> int:
        return 0

    def abort(self) -> None:
        self.aborted = True


class SlowLine(Line):
    """A line whose client reads when told; what it has not read fills the server's buffer, which then takes no more."""

    def __init__(self) -> None:
        super().__init__()
        self.unread = 0

    def _write(self, wire: bytes) -> None:
        super()._write(wire)
        self._fill(len(wire))

    async def send(self, event: dict[str, Any]) -> None:
        await super().send(event)
        self._fill(len(event.get("text", "close")))

    def _fill(self, size: int) -> None:
        self.unread += size
        self.reads.clear()
        self.be_full(True)

    async def read(self, size: int) -> None:
        """The client reads some bytes, and the event loop goes on."""
        self.unread = max(0, self.unread - size)
        if not self.unread:
            self.reads.set()
            self.be_full(False)
        await asyncio.sleep(0)

    def unsent_bytes(self) -> int:
        return self.unread


@pytest.fixture
async def peer() -> Peer:
    return Peer()


@pytest.fixture
async def line() -> Line:
    return Line()


@pytest.fixture
async def slow() -> SlowLine:
    return SlowLine()


def connect(peer: Peer, limit_bytes: int = 1_000_000, compress_bytes: int = 0) -> Connection:
    socket = peer if isinstance(peer, Line) else None
    return Connection(peer.send, limit_bytes=limit_bytes, compress_bytes=compress_bytes, on_cut=peer.cut, socket=socket)


def offer(connection: Connection, *texts: str, ephemeral: bool = False) -> None:
    for text in texts:
        connection.offer(Encoded(text.encode()), ephemeral=ephemeral)


async def test_frames_are_sent_as_json(peer: Peer) -> None:
    connect(peer).send(Pong(id="7"))
    await eventually(lambda: peer.texts)
    assert json.loads(peer.texts[0]) == {"type": "pong", "id": "7"}


async def test_a_server_that_takes_whole_frames_gets_them_at_once(line: Line) -> None:
    connection = connect(line)
    offer(connection, "1", "2")
    assert line.texts == ["1", "2"], "before the event loop has turned"


async def test_a_blocked_send_loses_no_frame_and_no_order(peer: Peer) -> None:
    connection = connect(peer)
    peer.reads.clear()
    offer(connection, "1", "2", "3")
    await asyncio.sleep(0)
    assert peer.texts == []
    peer.reads.set()
    offer(connection, "4")
    await eventually(lambda: len(peer.texts) == 4)
    offer(connection, "5")
    await eventually(lambda: len(peer.texts) == 5)
    assert peer.texts == ["1", "2", "3", "4", "5"]


async def test_a_full_line_loses_no_frame_and_no_order(line: Line) -> None:
    connection = connect(line)
    offer(connection, "1")
    line.be_full(True)
    line.reads.clear()
    offer(connection, "2", "3")
    line.be_full(False)
    offer(connection, "4")
    assert line.texts == ["1"], "what waits goes first"
    line.reads.set()
    await eventually(lambda: len(line.texts) == 4)
    offer(connection, "5")
    assert line.texts == ["1", "2", "3", "4", "5"]


async def busy(peer: Peer, limit_bytes: int) -> Connection:
    """A connection whose server has taken a first frame and waits for its peer to read it."""
    connection = connect(peer, limit_bytes)
    peer.reads.clear()
    offer(connection, "first")
    await asyncio.sleep(0)
    return connection


async def test_a_slow_reader_loses_ephemeral_frames_first(peer: Peer) -> None:
    connection = await busy(peer, limit_bytes=10)
    offer(connection, "12", "345")
    offer(connection, "6", ephemeral=True)
    offer(connection, "typing", ephemeral=True)
    offer(connection, "7890")
    assert connection.closing is None
    peer.reads.set()
    await eventually(lambda: len(peer.texts) == 5)
    assert peer.texts == ["first", "12", "345", "6", "7890"]


async def test_a_reader_who_is_too_slow_is_closed(peer: Peer) -> None:
    connection = await busy(peer, limit_bytes=10)
    offer(connection, "12345", "67890", "x")
    assert connection.closing is None
    offer(connection, "y", "z")
    assert connection.closing is SLOW_CONSUMER  # type: ignore[comparison-overlap]
    peer.reads.set()
    await eventually(lambda: peer.close)
    assert peer.texts == ["first"], "what waited is dropped: the client resumes by seq"
    assert peer.close == (4001, "Slow consumer")
    connection.ended()


@pytest.mark.parametrize("text", ["x" * 11, "x" * 10_000])
async def test_an_outbox_within_its_bound_takes_one_frame_of_any_size(peer: Peer, text: str) -> None:
    connection = await busy(peer, limit_bytes=10)
    offer(connection, "joined", text)
    assert connection.closing is None
    peer.reads.set()
    await eventually(lambda: len(peer.texts) == 3)
    assert peer.texts == ["first", "joined", text]


async def test_a_client_that_reads_slowly_gets_large_answers_one_after_the_other(slow: SlowLine) -> None:
    connection = connect(slow, limit_bytes=60)

    async def answer(number: int) -> None:
        await connection.drained()
        offer(connection, f"joined {number}", f"history {number}".ljust(100))
        await connection.drained()
        offer(connection, f"event {number}")

    async def answer_all() -> None:
        for number in range(5):
            await answer(number)

    answering = asyncio.ensure_future(answer_all())
    while len(slow.texts) < 15:
        await slow.read(10)
        assert connection.closing is None
    await answering
    assert [text.strip() for text in slow.texts] == [
        f"{kind} {number}" for number in range(5) for kind in ("joined", "history", "event")
    ]


async def test_a_large_answer_waits_until_most_of_the_one_before_is_read(slow: SlowLine) -> None:
    connection = connect(slow, limit_bytes=60)
    await connection.drained()
    offer(connection, "x" * 100)
    waiting = asyncio.ensure_future(connection.drained())
    await slow.read(50)
    assert not waiting.done()
    await slow.read(60)
    await asyncio.sleep(0)
    assert waiting.done()


@pytest.mark.parametrize("end", [lambda connection: connection.close(BANNED), lambda connection: connection.ended()])
async def test_nobody_waits_for_a_connection_that_ends(peer: Peer, end: Callable[[Connection], None]) -> None:
    connection = await busy(peer, limit_bytes=10)
    offer(connection, "x" * 100)
    waiting = asyncio.ensure_future(connection.drained())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    end(connection)
    await waiting
    connection.ended()


async def test_nobody_waits_for_a_peer_that_is_gone(peer: Peer) -> None:
    connection = await busy(peer, limit_bytes=10)
    offer(connection, "x" * 100)
    waiting = asyncio.ensure_future(connection.drained())
    peer.gone = True
    peer.reads.set()
    async with asyncio.timeout(5):
        await waiting
    connection.ended()


async def test_a_slow_reader_holds_no_more_than_the_bound_and_a_frame(peer: Peer) -> None:
    connection = await busy(peer, limit_bytes=1_000)
    frame = Encoded(b"x" * 100)
    for _ in range(10_000):
        connection.offer(frame)
        assert sum(len(waiting.payload) for waiting in connection._outbox) <= 1_100
    assert connection.closing is SLOW_CONSUMER
    connection.ended()


async def test_a_reader_who_catches_up_has_the_whole_bound_again(peer: Peer) -> None:
    connection = connect(peer, limit_bytes=10)
    for _ in range(3):
        peer.reads.clear()
        peer.events.clear()
        offer(connection, "first", "12345")
        peer.reads.set()
        await eventually(lambda: len(peer.texts) == 2)
    assert connection.closing is None


async def test_a_bound_of_zero_is_none(peer: Peer) -> None:
    connection = connect(peer, limit_bytes=0)
    peer.reads.clear()
    offer(connection, *["x" * 1_000] * 2_000)
    offer(connection, "typing", ephemeral=True)
    peer.reads.set()
    await eventually(lambda: len(peer.texts) == 2_001)
    assert connection.closing is None


async def test_a_close_sends_first_what_waits(peer: Peer) -> None:
    connection = connect(peer)
    peer.reads.clear()
    offer(connection, "1", "2")
    connection.close(AUTH_FAILED)
    offer(connection, "3")
    peer.reads.set()
    await eventually(lambda: peer.close)
    assert [event.get("text", "close") for event in peer.events] == ["1", "2", "close"]
    assert peer.close == (1008, "Authentication failed")
    connection.ended()


async def test_only_the_first_close_counts(peer: Peer) -> None:
    connection = connect(peer)
    connection.close(BANNED)
    connection.close(TOKEN_EXPIRED)
    await eventually(lambda: peer.close)
    assert peer.close == (4102, "Banned")
    connection.ended()


def send_together(connection: Connection, *texts: str) -> None:
    broadcast([connection], [Encoded(text.encode()) for text in texts])


async def test_what_is_broadcast_together_is_one_write_where_the_server_takes_frames(line: Line) -> None:
    send_together(connect(line), "1", "2", "3")
    assert (line.texts, line.writes) == (["1", "2", "3"], 1)


async def test_what_is_broadcast_together_is_sent_frame_by_frame_where_it_must(peer: Peer, line: Line) -> None:
    send_together(connect(peer), "1", "2")
    await eventually(lambda: peer.texts == ["1", "2"])
    compressed, closed = connect(line, compress_bytes=1), connect(line)
    compressed.accepts = frozenset({"compressed"})
    send_together(compressed, "3", "44")  # compression makes them no shorter
    closed.ended()
    send_together(closed, "5", "6")
    assert (line.texts, line.writes) == (["3", "44"], 2)


async def test_short_frames_are_one_write_also_where_compressed_ones_are_accepted(line: Line) -> None:
    connection = connect(line, compress_bytes=1)
    connection.accepts = frozenset({"compressed"})
    send_together(connection, "3", "4")
    assert (line.texts, line.writes) == (["3", "4"], 1)


async def test_what_is_broadcast_together_stays_behind_what_waits(line: Line) -> None:
    connection = connect(line)
    line.be_full(True)
    offer(connection, "1")
    send_together(connection, "2", "3")
    line.be_full(False)
    send_together(connection, "4", "5")
    await eventually(lambda: len(line.texts) == 5)
    assert line.texts == ["1", "2", "3", "4", "5"]


@pytest.fixture
async def turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that closes looks at every turn of the loop whether its peer reads."""
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT_S", 0.0)


async def test_a_peer_that_never_reads_is_cut(line: Line, turns: None) -> None:
    connection = connect(line, limit_bytes=10)
    line.be_full(True)
    line.reads.clear()
    offer(connection, "1", "2")
    connection.close(BANNED)
    await eventually(lambda: line.was_cut)
    assert line.aborted
    assert line.events == []
    connection.ended()


async def test_a_closing_connection_waits_as_long_as_its_peer_reads(slow: SlowLine, turns: None) -> None:
    connection = connect(slow)
    offer(connection, "x" * 100)
    connection.close(BANNED)
    for _ in range(10):
        await slow.read(10)
        assert not slow.was_cut
    await eventually(lambda: slow.was_cut, what="it reads no more")
    connection.ended()


async def test_a_peer_that_takes_its_close_is_not_cut(peer: Peer) -> None:
    connection = connect(peer)
    connection.close(BANNED)
    await eventually(lambda: peer.close)
    connection.ended()
    assert connection.timer is None
    assert not peer.was_cut


async def test_sends_after_the_end_are_silent(peer: Peer) -> None:
    connection = connect(peer)
    connection.ended()
    connection.send(Pong())
    connection.close(BANNED)
    await asyncio.sleep(0)
    assert peer.events == []
    assert connection.closing is not None
    assert connection.closing.code == 1006


async def test_the_end_drops_what_waits(peer: Peer) -> None:
    connection = connect(peer)
    peer.reads.clear()
    offer(connection, "1", "2")
    connection.ended()
    peer.reads.set()
    await eventually(lambda: connection._pump is None or connection._pump.done())
    assert peer.events == []


@pytest.mark.parametrize("blocked", [False, True])
async def test_a_peer_that_is_gone_harms_nobody(peer: Peer, blocked: bool) -> None:
    connection = connect(peer)
    peer.gone = True
    if blocked:
        peer.reads.clear()
    offer(connection, "1", "2")
    peer.reads.set()
    await eventually(lambda: connection._pump is None)
    offer(connection, "3")
    connection.close(BANNED)
    await eventually(lambda: connection._pump is None)
    assert peer.events == []
    connection.ended()


async def test_settled_waits_until_every_message_is_stored_or_refused(peer: Peer) -> None:
    connection = connect(peer)
    await connection.settled()
    connection.message_sent()
    connection.message_sent()
    waiting = asyncio.ensure_future(connection.settled())
    for _ in range(2):
        await asyncio.sleep(0)
        assert not waiting.done()
        connection.message_settled()
    await waiting
    connection.message_sent()
    again = asyncio.ensure_future(connection.settled())
    await asyncio.sleep(0)
    assert not again.done(), "a new message is waited for too"
    connection.message_settled()
    await again


async def test_a_new_timer_takes_the_place_of_the_old_one(peer: Peer) -> None:
    called: list[str] = []
    connection = connect(peer)
    connection.set_timer(0, lambda: called.append("first"))
    connection.set_timer(0, lambda: called.append("second"))
    await eventually(lambda: called)
    assert called == ["second"]
