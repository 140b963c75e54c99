"""One client's way out: at once, in order, bounded, and over when it is over."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from chatsite.closes import AUTH_FAILED, BANNED, SLOW_CONSUMER, TOKEN_EXPIRED
from rooms import protocol
from rooms.delivery import connection as connection_module
from rooms.delivery.connection import Connection
from rooms.delivery.events import Encoded
from rooms.delivery.recipients import Write, give
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
        await self.taken()
        if self.gone:
            raise ConnectionResetError
        self.events.append(event)

    async def taken(self) -> None:
        if not self.reads.is_set():
            await self.reads.wait()

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
    """A server that takes whole frames, as ours does; `be_full` is said of its write buffer."""

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

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
async def peer() -> Peer:
    return Peer()


@pytest.fixture
async def line() -> Line:
    return Line()


def connect(peer: Peer, limit_bytes: int = 1_000_000, compress_bytes: int = 0) -> Connection:
    socket = peer if isinstance(peer, Line) else None
    return Connection(peer.send, limit_bytes=limit_bytes, compress_bytes=compress_bytes, on_cut=peer.cut, socket=socket)


def offer(connection: Connection, *texts: str, ephemeral: bool = False) -> None:
    for text in texts:
        connection.offer(Encoded(text.encode()), ephemeral=ephemeral)


async def test_what_does_not_block_goes_out_at_once(peer: Peer) -> None:
    connection = connect(peer)
    offer(connection, "1", "2", "3")
    assert peer.texts == ["1", "2", "3"], "before the event loop has turned"


async def test_frames_are_sent_as_json(peer: Peer) -> None:
    connect(peer).send(protocol.Pong(id="7"))
    assert json.loads(peer.texts[0]) == {"type": "pong", "id": "7"}


async def test_a_server_that_takes_whole_frames_is_given_them(line: Line) -> None:
    connection = connect(line)
    offer(connection, "1", "2")
    assert line.texts == ["1", "2"]


async def test_a_blocked_send_loses_no_frame_and_no_order(peer: Peer) -> None:
    connection = connect(peer)
    offer(connection, "1")
    peer.reads.clear()
    offer(connection, "2", "3", "4")
    assert peer.texts == ["1"]
    peer.reads.set()
    offer(connection, "5")
    await eventually(lambda: len(peer.texts) == 5)
    offer(connection, "6")
    assert peer.texts == ["1", "2", "3", "4", "5", "6"]


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


async def test_a_send_that_blocks_again_and_again_keeps_its_order(peer: Peer) -> None:
    """The first send is driven by hand until it blocks, and goes on in a task from where it stood."""
    turns = []

    async def send(event: dict[str, Any]) -> None:
        for turn in range(3):
            await asyncio.sleep(0)
            turns.append((event["text"], turn))
        peer.events.append(event)

    connection = Connection(send, limit_bytes=0, on_cut=peer.cut)
    offer(connection, "1", "2")
    await eventually(lambda: len(peer.texts) == 2)
    assert turns == [("1", 0), ("1", 1), ("1", 2), ("2", 0), ("2", 1), ("2", 2)]


async def test_a_slow_reader_loses_ephemeral_frames_first(peer: Peer) -> None:
    connection = connect(peer, limit_bytes=10)
    peer.reads.clear()
    offer(connection, "first")  # is with the server already
    offer(connection, "12", "34")
    offer(connection, "typing", ephemeral=True)
    offer(connection, "5", ephemeral=True)
    offer(connection, "67890")
    assert connection.closing is None
    peer.reads.set()
    await eventually(lambda: len(peer.texts) == 5)
    assert peer.texts == ["first", "12", "34", "5", "67890"]


async def test_a_reader_who_is_too_slow_is_closed_within_the_bound(peer: Peer) -> None:
    connection = connect(peer, limit_bytes=10)
    peer.reads.clear()
    offer(connection, "first", "12345", "67890", "x", "y")
    assert connection.closing is SLOW_CONSUMER
    peer.reads.set()
    await eventually(lambda: peer.close)
    assert peer.texts == ["first"], "what waited is dropped: the client resumes by seq"
    assert peer.close == (4001, "Slow consumer")


async def test_one_slow_reader_holds_no_more_than_the_bound(peer: Peer) -> None:
    connection = connect(peer, limit_bytes=1_000)
    peer.reads.clear()
    frame = Encoded(b"x" * 100)
    for _ in range(10_000):
        connection.offer(frame)
        assert sum(len(waiting.payload) for waiting in connection._outbox) <= 1_000
    assert connection.closing is SLOW_CONSUMER
    connection.ended()


async def test_a_reader_who_catches_up_has_the_whole_bound_again(peer: Peer) -> None:
    connection = connect(peer, limit_bytes=10)
    for _ in range(3):
        peer.reads.clear()
        peer.events.clear()
        offer(connection, "first", "12345", "67890")
        peer.reads.set()
        await eventually(lambda: len(peer.texts) == 3)
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


def together(connection: Connection, *texts: str) -> None:
    give([connection], [Encoded(text.encode()) for text in texts])


async def test_a_run_is_one_write_where_the_server_takes_frames(line: Line) -> None:
    together(connect(line), "1", "2", "3")
    assert (line.texts, line.writes) == (["1", "2", "3"], 1)


async def test_a_run_comes_frame_by_frame_where_it_must(peer: Peer, line: Line) -> None:
    together(connect(peer), "1", "2")
    await eventually(lambda: peer.texts == ["1", "2"])
    compressed, closed = connect(line, compress_bytes=1), connect(line)
    compressed.accepts = frozenset({"compressed"})
    together(compressed, "3", "44")  # which no compressing makes shorter
    closed.ended()
    together(closed, "5", "6")
    assert (line.texts, line.writes) == (["3", "44"], 2)


async def test_a_run_of_short_frames_is_one_write_for_who_accepts_compressed_ones_too(line: Line) -> None:
    connection = connect(line, compress_bytes=1)
    connection.accepts = frozenset({"compressed"})
    together(connection, "3", "4")
    assert (line.texts, line.writes) == (["3", "4"], 1)


async def test_a_run_keeps_its_place_behind_what_waits(line: Line) -> None:
    connection = connect(line)
    line.be_full(True)
    offer(connection, "1")
    together(connection, "2", "3")
    line.be_full(False)
    together(connection, "4", "5")
    await eventually(lambda: len(line.texts) == 5)
    assert line.texts == ["1", "2", "3", "4", "5"]


async def test_a_peer_that_never_reads_is_cut(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT_S", 0.0)
    connection = connect(line, limit_bytes=10)
    line.be_full(True)
    line.reads.clear()
    offer(connection, "1", "2")
    connection.close(BANNED)
    await eventually(lambda: line.was_cut)
    assert line.aborted
    assert line.events == []
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
    connection.send(protocol.Pong())
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
    assert not again.done(), "a new message is waited for anew"
    connection.message_settled()
    await again


async def test_a_new_timer_takes_the_place_of_the_old_one(peer: Peer) -> None:
    rung: list[str] = []
    connection = connect(peer)
    connection.set_timer(0, lambda: rung.append("first"))
    connection.set_timer(0, lambda: rung.append("second"))
    await eventually(lambda: rung)
    assert rung == ["second"]
