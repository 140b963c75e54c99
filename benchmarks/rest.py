"""REST with clients that each ask again when the answer came: a post, a page of messages, a page of rooms.

Beside Express with better-sqlite3 (WAL, synchronous=NORMAL, a transaction for each post). Every post is read back.

`python -m benchmarks.rest [--clients 16] [--seconds 3] [--rounds 5]`
"""

import argparse
import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import TypeVar, cast

import msgspec
import uvloop

from benchmarks import floor
from benchmarks.goals import SQLITE, Goal, Metric, Row, row, rows
from benchmarks.load import Result
from benchmarks.rounds import Rounds, take_turns
from benchmarks.servers import Bench, Server
from benchmarks.sides import our_stores

R = TypeVar("R")
PEER = "Express, better-sqlite3"
ROOMS, LISTED_ROOMS = 8, 60  # posts go to the first; a page of rooms has 50
PAGE_MESSAGES, AUDIT_PAGE = 50, 200
POST, PAGE, LIST = "post a message", "page of 50 messages", "page of 50 rooms"
LEAST = {POST: 1500, PAGE: 1500, LIST: 500}  # requests a second
RATE = Metric("requests_s", "requests", "/s", more_is_better=True)
RATIOS = {POST: RATE.with_goal(1), PAGE: RATE.with_goal(1), LIST: RATE}


class Client(asyncio.Protocol):
    """One connection that is kept open: a request, its answer, the next request."""

    def __init__(self, token: str) -> None:
        self._head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        self._answer: asyncio.Future[bytes] | None = None
        self._bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"The server has closed the connection: {error}"))

    async def ask(self, method: str, path: str, body: object = None) -> bytes:
        """The answer's body; raises RuntimeError unless its status is 200 or 201."""
        content = b"" if body is None else msgspec.json.encode(body)
        kind = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if content else ""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(f"{method} {path} HTTP/1.1\r\n{self._head}{kind}\r\n".encode() + content)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        end = self._bytes.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = self._bytes[:end].lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(self._bytes) < end + 4 + size:
            return
        body, self._bytes = self._bytes[end + 4 : end + 4 + size], b""
        if head[9:11] == b"20":
            self._answer.set_result(body)
        else:
            self._answer.set_exception(RuntimeError(f"{head.decode()}\n{body[:500]!r}"))


class Message(msgspec.Struct, rename="camel"):
    message_id: str
    seq: int
    content: str


class Page(msgspec.Struct):
    messages: list[Message]


def path_of(client: int) -> str:
    return f"/api/rooms/rest-{client % ROOMS}/messages"


@dataclass
class Side:
    """A server, and what was posted to it: for each path the messages as they were answered."""

    server: Server
    clients: int
    posted: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    _numbers: Iterator[int] = field(default_factory=count)

    def prepare(self) -> None:
        uvloop.run(self._with_clients(self._make_rooms))

    def measure(self, what: str, seconds: float) -> Result:
        return uvloop.run(self._with_clients(partial(self._measure, what, seconds)))

    def audit(self) -> int:
        """How many posts were compared; raises RuntimeError when one is not there as it was answered."""
        uvloop.run(self._with_clients(self._audit))
        return sum(map(len, self.posted.values()))

    async def _with_clients(self, work: Callable[[list[Client]], Awaitable[R]]) -> R:
        tokens = cast(Path, self.server.tokens).read_text(encoding="ascii").split()[: self.clients]
        loop, port = asyncio.get_running_loop(), self.server.ports[0]
        lines = [await loop.create_connection(partial(Client, token), "127.0.0.1", port) for token in tokens]
        try:
            return await work([client for _, client in lines])
        finally:
            for transport, _ in lines:
                transport.close()

    async def _make_rooms(self, clients: list[Client]) -> None:
        for number in range(LISTED_ROOMS):
            await clients[0].ask("POST", "/api/rooms", {"name": f"rest-{number}"})
        for number in range(ROOMS * PAGE_MESSAGES):
            await self._post(number % ROOMS, clients[0])

    async def _measure(self, what: str, seconds: float, clients: list[Client]) -> Result:
        ask = {POST: self._post, PAGE: self._page, LIST: self._list}[what]
        delays_ms: list[float] = []
        cpu_s, client_s, start = self.server.cpu_s(), time.process_time(), time.perf_counter()
        await asyncio.gather(*(self._repeat(ask, *one, start + seconds, delays_ms) for one in enumerate(clients)))
        elapsed_s, asked = time.perf_counter() - start, len(delays_ms)
        cpu_s, client_s = self.server.cpu_s() - cpu_s, time.process_time() - client_s
        cuts = quantiles(delays_ms, n=100)
        return {
            "requests": asked,
            "requests_s": asked / elapsed_s,
            "p50_ms": cuts[49],
            "p99_ms": cuts[98],
            "max_ms": max(delays_ms),
            "request_us": cpu_s / asked * 1e6,
            "server_busy": cpu_s / elapsed_s,
            "client_busy": client_s / elapsed_s,
        }

    async def _repeat(
        self,
        ask: Callable[[int, Client], Awaitable[None]],
        number: int,
        client: Client,
        end: float,
        delays_ms: list[float],
    ) -> None:
        while (start := time.perf_counter()) < end:
            await ask(number, client)
            delays_ms.append((time.perf_counter() - start) * 1000)

    async def _post(self, number: int, client: Client) -> None:
        content = f"post {next(self._numbers)} of client {number}".ljust(50, ".")
        answer = msgspec.json.decode(await client.ask("POST", path_of(number), {"content": content}), type=Message)
        _check(answer.content == content, "the answer has another text")
        self.posted[path_of(number)].append(answer)

    async def _page(self, number: int, client: Client) -> None:
        await client.ask("GET", path_of(number))

    async def _list(self, _number: int, client: Client) -> None:
        await client.ask("GET", "/api/rooms")

    async def _audit(self, clients: list[Client]) -> None:
        """Each room, read from its beginning: what was answered, under its id and seq, and nothing besides."""
        for path, posted in self.posted.items():
            found: list[Message] = []
            while page := await clients[0].ask(
                "GET", f"{path}?limit={AUDIT_PAGE}&after={found[-1].seq if found else 0}"
            ):
                messages = msgspec.json.decode(page, type=Page).messages
                found += messages
                if not messages:
                    break
            _check([message.seq for message in found] == list(range(1, len(found) + 1)), f"{path} has holes")
            _check(found == sorted(posted, key=lambda message: message.seq), f"{path} has other messages")
            _check(_in_order(found), f"{path} has a client's messages in another order")


def _check(is_right: bool, otherwise: str) -> None:
    if not is_right:
        raise RuntimeError(otherwise)


def _in_order(messages: list[Message]) -> bool:
    """Whether each client's posts stand in the order in which it sent them."""
    last: dict[str, int] = {}
    for message in messages:
        words = message.content.rstrip(".").split()
        if int(words[1]) < last.get(words[-1], -1):
            return False
        last[words[-1]] = int(words[1])
    return True


def measure(bench: Bench) -> list[Row]:
    seconds, rounds = (1.0, 1) if bench.quick else (2.0, 5)
    return run(bench, clients=16, seconds=seconds, rounds=rounds)


def run(bench: Bench, *, clients: int, seconds: float, rounds: int) -> list[Row]:
    servers = {**({PEER: bench.express()} if bench.has_express else {}), **our_stores(bench)}
    found: list[Row] = []
    with ExitStack() as stack:
        sides = {name: Side(stack.enter_context(server), clients) for name, server in servers.items()}
        for one in sides.values():
            one.prepare()
        for what in (POST, PAGE, LIST):
            turns = {name: partial(one.measure, what, seconds) for name, one in sides.items()}
            work = f"REST, {clients} clients: {what}"
            results = take_turns(rounds, turns)
            one_load = Rounds(work, f"python -m benchmarks.rest --clients {clients}", floor.measure(), results)
            bench.keep(one_load)
            found += _rows(one_load, what)
        for name, one in sides.items():
            print(f"   {name}: {one.audit():,} posts read back, each as it was answered")
    return found


def _rows(found: Rounds, what: str) -> Iterator[Row]:
    yield from rows(found, [RATIOS[what]], peer=PEER)
    yield row(found, replace(RATE, goal=Goal(LEAST[what], at_least=True, absolute=True)), SQLITE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3, help="of one round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with Bench(people=options.clients) as bench:
        print(*run(bench, **vars(options)), sep="\n")


if __name__ == "__main__":
    main()
