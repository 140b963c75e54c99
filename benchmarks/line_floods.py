"""What a peer that floods the server below its commands costs, and what its neighbour notices: a function a flood.

`python -m benchmarks.line_floods [NAME ...] [--seconds 10]`

Each runs against a production server of its own. Beside it a signed-in neighbour sends `ping` and measures the time to
its `pong`; the server's CPU and memory are those of its process.
"""

import argparse
import json
import resource
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from benchmarks.servers import Bench, Server

PACE_S = 0.02  # between two pings of the neighbour
RATE_BYTES = 800_000  # a second, of floods that are not as fast as they can
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CONNECTIONS, DESCRIPTORS = 400, 300  # of floods that hold connections, and what the server may open
Flood = Callable[[int, Event], None]  # a port, and when to stop


@dataclass(frozen=True)
class Found:
    cpu_share: float  # of one core
    grown_mib: float
    trips_ms: list[float]
    failed: int

    def __str__(self) -> str:
        trips = sorted(self.trips_ms) or [float("nan")]
        p99 = trips[min(len(trips) - 1, int(len(trips) * 0.99))]
        return (
            f"server {self.cpu_share:4.0%} of a core, {self.grown_mib:+6.1f} MiB; neighbour's round trip "
            f"p50 {statistics.median(trips):.2f} ms, p99 {p99:.2f} ms, {self.failed} failed"
        )


# --- The floods -------------------------------------------------------------------------------------------------------
def none(_port: int, stop: Event) -> None:
    """Nobody floods: what the neighbour costs alone."""
    stop.wait()


def pings(port: int, stop: Event) -> None:
    """Pings of 125 bytes as fast as they are taken, and no pong is ever read."""
    _send(port, _frame(0x89, bytes(125)) * 500, stop)


def empty_pings(port: int, stop: Event) -> None:
    """Empty pings at 0.8 MB/s; the pongs are read."""
    _send(port, _frame(0x89, b"") * 1_000, stop, rate_bytes=RATE_BYTES, reads=True)


def empty_fragments(port: int, stop: Event) -> None:
    """A message that never ends, of empty fragments, at 0.8 MB/s."""
    _send(port, _frame(0x00, b"") * 1_000, stop, first=_frame(0x01, b""), rate_bytes=RATE_BYTES, reads=True)


def small_fragments(port: int, stop: Event) -> None:
    """Messages of 64 KiB in fragments of one byte, as fast as they are taken."""
    message = _frame(0x01, b" ") + _frame(0x00, b" ") * 65_534 + _frame(0x80, b" ")
    _send(port, message, stop, reads=True)


def silent(port: int, stop: Event) -> None:
    """Connections that say nothing; each is opened again when it is closed."""
    _hold(port, stop, b"", b"")


def slow_headers(port: int, stop: Event) -> None:
    """Connections that send a byte of a request's header each second."""
    _hold(port, stop, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"x")


def slow_bodies(port: int, stop: Event) -> None:
    """Requests whose body comes at a byte a second."""
    head = (
        b"POST /api/auth HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )
    _hold(port, stop, head, b"x")


FLOODS: tuple[Flood, ...] = (
    none,
    pings,
    empty_pings,
    empty_fragments,
    small_fragments,
    silent,
    slow_headers,
    slow_bodies,
)


def _frame(first: int, payload: bytes) -> bytes:
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


def _send(port: int, data: bytes, stop: Event, *, first: bytes = b"", rate_bytes: int = 0, reads: bool = False) -> None:
    """One socket after the other sends this again and again; the next one is opened when the server closes."""
    while not stop.is_set():
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as line:
            line.sendall(HANDSHAKE)
            line.recv(65_536)
            line.sendall(first)
            line.setblocking(False)
            _repeat(line, data, stop, rate_bytes, reads=reads)
        stop.wait(0.1)


def _repeat(line: socket.socket, data: bytes, stop: Event, rate_bytes: int, *, reads: bool) -> None:
    rest = memoryview(data)
    while not stop.is_set():
        try:
            rest = rest[line.send(rest) :] or memoryview(data)
        except BlockingIOError:
            stop.wait(0.001)
        if reads and not _reads(line):
            return
        if rate_bytes:
            stop.wait(len(data) / rate_bytes)


def _reads(line: socket.socket) -> bool:
    """Reads what has come; False: the server has closed."""
    try:
        return bool(line.recv(1_000_000))
    except BlockingIOError:
        return True


def _hold(port: int, stop: Event, head: bytes, drop: bytes) -> None:
    """Connections that begin with `head` and send `drop` each second."""
    lines: list[socket.socket | None] = [None] * CONNECTIONS
    while not stop.is_set():
        lines = [_kept(line, drop) or _opened(port, head) for line in lines]
        stop.wait(1)
    for line in lines:
        if line is not None:
            line.close()


def _opened(port: int, head: bytes) -> socket.socket | None:
    try:
        line = socket.create_connection(("127.0.0.1", port), timeout=0.5)
        line.sendall(head)
    except OSError:
        return None
    line.setblocking(False)
    return line


def _kept(line: socket.socket | None, drop: bytes) -> socket.socket | None:
    """The line, after it has sent this; None: it has been closed."""
    if line is None:
        return None
    try:
        if line.recv(1_000):
            line.close()
            return None
    except BlockingIOError:
        with suppress(OSError):
            line.send(drop)
            return line
    except OSError:
        pass
    line.close()
    return None


# --- What is measured -------------------------------------------------------------------------------------------------
def measure(server: Server, flood: Flood, seconds: float) -> Found:
    stop = Event()
    resource.prlimit(server.pids[0], resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    with _neighbour(server) as neighbour:
        _trips(neighbour, 1)
        attacker = Thread(target=flood, args=(server.ports[0], stop))
        memory, cpu_s, start = server.resident_bytes(), server.cpu_s(), time.monotonic()
        attacker.start()
        trips, failed = _trips(neighbour, seconds)
        failed += _refused(server)
        took, used = time.monotonic() - start, server.cpu_s() - cpu_s
        grown = (server.resident_bytes() - memory) / 2**20
        stop.set()
        attacker.join()
    return Found(used / took, grown, trips, failed)


@contextmanager
def _neighbour(server: Server) -> Iterator[ClientConnection]:
    [token] = server.tokens.read_text(encoding="ascii").split() if server.tokens else [""]
    url = f"ws://127.0.0.1:{server.ports[0]}/ws"
    with connect(url, additional_headers={"Authorization": f"Bearer {token}"}, compression=None, proxy=None) as client:
        yield client


def _trips(client: ClientConnection, seconds: float) -> tuple[list[float], int]:
    trips, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        try:
            client.send('{"type": "ping"}')
            while json.loads(client.recv(timeout=30))["type"] != "pong":
                pass
        except (TimeoutError, ConnectionClosed):
            return trips, 1
        trips.append((time.perf_counter() - start) * 1000)
        time.sleep(PACE_S)
    return trips, 0


def _refused(server: Server) -> int:
    """Whether a newcomer is served in the end, while the flood goes on."""
    try:
        with _neighbour(server):
            return 0
    except (OSError, ConnectionClosed, InvalidHandshake):
        return 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(flood.__name__ for flood in FLOODS))
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with Bench(people=1) as bench:
        for flood in FLOODS:
            if not options.names or flood.__name__ in options.names:
                with bench.ours() as server:
                    print(f"{flood.__name__:16}{measure(server, flood, options.seconds)}", flush=True)


if __name__ == "__main__":
    main()
