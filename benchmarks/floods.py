"""What one person who floods costs the others: a function for each kind of flood, each run in a process of its own.

`python -m benchmarks.floods [--only NAME] [--seconds 5]` measures the round trip of neighbours in other rooms, without
the flood and beside it, the server's memory, and how the flood was answered: without limits, and with the defaults.
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from statistics import quantiles
from typing import Any, NamedTuple

import websockets
from websockets.asyncio.client import ClientConnection

from benchmarks.servers import Bench, Server
from tests.support.unlimited import UNLIMITED

NEIGHBOURS = 10  # each in a room of their own
EVERY_S = 1.0  # between two messages of one neighbour: no default limit is in the way
WINDOW = 200  # unanswered frames of the flood; more would only fill the kernel's buffers
DEFAULTS = dict.fromkeys(UNLIMITED, "")  # empty: the default


class Found(NamedTuple):
    """What a flood brought about: what its client counted, by name, and how its socket ended."""

    counts: Counter[str]
    closed: int | None


Flood = Callable[[ClientConnection, float, Counter[str]], Awaitable[None]]


async def messages(socket: ClientConnection, end: float, counts: Counter[str]) -> None:
    """Messages to a room of the flooder's own, as fast as they are answered."""
    await _in_window(socket, end, counts, {"type": "chat-message", "roomId": "flood", "content": "x" * 50})


async def pings(socket: ClientConnection, end: float, counts: Counter[str]) -> None:
    await _in_window(socket, end, counts, {"type": "ping"})


async def histories(socket: ClientConnection, end: float, counts: Counter[str]) -> None:
    """Pages of a room that has messages: the dearest read."""
    await _in_window(socket, end, counts, {"type": "get-history", "roomId": "calm-0", "limit": 200})


async def everybody(socket: ClientConnection, end: float, counts: Counter[str]) -> None:
    """Texts to everybody who is signed in."""
    await _in_window(socket, end, counts, {"type": "chat", "message": "x" * 50})


FLOODS: Mapping[str, Flood] = {one.__name__: one for one in (messages, pings, histories, everybody)}


async def _in_window(socket: ClientConnection, end: float, counts: Counter[str], frame: dict[str, Any]) -> None:
    """Repeats a command with at most WINDOW unanswered; counts the answers by type, or by the error's code."""
    unanswered = 0
    while time.monotonic() < end:
        while unanswered < WINDOW:
            await socket.send(json.dumps({**frame, "id": str(counts["sent"])}))
            counts["sent"] += 1
            unanswered += 1
        answer = json.loads(await socket.recv())
        if "id" in answer:
            unanswered -= 1
            counts[answer.get("code", answer["type"])] += 1


# --- The two sides ----------------------------------------------------------------------------------------------------
@asynccontextmanager
async def _signed_in(port: int, token: str, *rooms: str) -> Any:
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/ws", compression=None, proxy=None, max_size=None, ping_interval=None
    ) as socket:
        for command in ({"type": "auth", "token": token}, *({"type": "join-room", "roomId": room} for room in rooms)):
            await _answered(socket, command)
        yield socket


async def _answered(socket: ClientConnection, command: dict[str, Any]) -> None:
    await socket.send(json.dumps({**command, "id": "own"}))
    while json.loads(await socket.recv()).get("id") != "own":
        pass


def _flood(name: str, port: int, token: str, seconds: float, pipe: Any) -> None:
    """In a process of its own, so that its work does not delay the neighbour's clock."""
    pipe.send(asyncio.run(_flood_until(FLOODS[name], port, token, time.monotonic() + seconds)))


async def _flood_until(flood: Flood, port: int, token: str, end: float) -> Found:
    """Whoever is cut off comes again at once, as a client that floods does."""
    counts: Counter[str] = Counter()
    closed = None
    while time.monotonic() < end:
        counts["connects"] += 1
        with suppress(OSError, websockets.WebSocketException):
            async with _signed_in(port, token, "flood", "calm-0") as socket:
                try:
                    await flood(socket, end, counts)
                finally:
                    closed = socket.close_code or closed
    return Found(counts, closed)


async def _neighbours(port: int, tokens: list[str], seconds: float) -> list[float]:
    """Milliseconds of each round trip of their messages."""
    trips = await asyncio.gather(*(_neighbour(port, *one, seconds) for one in enumerate(tokens)))
    return [trip for one in trips for trip in one]


async def _neighbour(port: int, number: int, token: str, seconds: float) -> list[float]:
    trips: list[float] = []
    room = f"calm-{number}"
    async with _signed_in(port, token, room) as socket:
        await asyncio.sleep(EVERY_S * number / NEIGHBOURS)  # evenly spread
        end = time.monotonic() + seconds
        while (start := time.monotonic()) < end:
            await _answered(socket, {"type": "chat-message", "roomId": room, "content": "hello"})
            trips.append((time.monotonic() - start) * 1000)
            await asyncio.sleep(EVERY_S)
    return trips


# --- Measuring --------------------------------------------------------------------------------------------------------
def measure(server: Server, name: str, seconds: float) -> str:
    """One line of the table: the neighbours alone, the same beside the flood, memory, and what the flood got."""
    tokens = server.tokens.read_text().split() if server.tokens else []
    port = server.ports[0]
    alone = asyncio.run(_neighbours(port, tokens[1:], seconds))
    before = server.resident_bytes()
    ours, theirs = multiprocessing.Pipe()
    flooder = multiprocessing.Process(target=_flood, args=(name, port, tokens[0], seconds, theirs))
    flooder.start()
    beside = asyncio.run(_neighbours(port, tokens[1:], seconds))
    grown_mib = (server.resident_bytes() - before) / 2**20
    found: Found = ours.recv()
    flooder.join()
    counts = ", ".join(f"{kind} {count / seconds:,.0f}/s" for kind, count in found.counts.items())
    return f"{_shown(alone)} | {_shown(beside)} | {grown_mib:+.1f} MiB | {counts} | {found.closed or '-'}"


def _shown(trips: list[float]) -> str:
    cuts = quantiles(trips, n=100)
    return f"{cuts[49]:.1f} / {cuts[98]:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=FLOODS)
    parser.add_argument("--seconds", type=float, default=5, help="of each flood")
    options = parser.parse_args()
    print("| flood | limits | p50 / p99 alone | beside the flood | memory | the flood's answers | closed |")
    print("|---|---|--:|--:|--:|---|--:|")
    with Bench(people=1 + NEIGHBOURS) as bench:
        for name in [options.only] if options.only else FLOODS:
            for limits, env in (("none", {}), ("default", DEFAULTS)):
                with bench.ours(**env) as server:
                    line = measure(server, name, options.seconds)
                print(f"| {name} | {limits} | {line} |", flush=True)


if __name__ == "__main__":
    main()
