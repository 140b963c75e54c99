"""Whether one who stops reading delays the others in the room, and how much memory it takes.

`python -m benchmarks.slow_reader [--members 200] [--rate 100] [--seconds 5] [--rounds 5]`
"""

import argparse
import socket
from itertools import count

from benchmarks.crowd import Clients, Talk, connect, enter, talk
from benchmarks.load import RawClient
from benchmarks.rounds import Figure, Row, take_turns
from benchmarks.servers import Bench
from benchmarks.sides import Side, side

SIZE = 3_900  # characters of a message: a round fills the slow one's buffers, the kernel's too
LIMIT, MEMORY_MIB = 1.2, 2.0
SAMPLE_S = 0.02
WARM_UP = 2  # rounds in which the server's memory grows by itself
CLOSED_S = 10.0  # twice what the server gives a slow reader to take its close frame
SMALL_SEGMENT_BYTES, SMALL_BUFFER_BYTES = 536, 4096  # else the kernel alone would hold some megabytes for it


def measure(bench: Bench) -> list[Row]:
    if bench.quick:
        return compare(bench, members=100, rate=200, seconds=1.5, rounds=2)
    return compare(bench, members=200, rate=100, seconds=5, rounds=5)


def compare(bench: Bench, *, members: int, rate: float, seconds: float, rounds: int) -> list[Row]:
    """The same talk with a slow reader and without one, on one server, in turns."""
    with side(bench.ours(), []) as one:
        trial = Trial(one, members - 1, int(rate * seconds), rate)
        trial.connect()
        for _ in range(WARM_UP):
            trial.without()
        figures = take_turns(rounds, {"without": trial.without, "with": trial.with_one}, "ms")
    # The first one against the round before: later rounds find the memory that it needed still there.
    grown = Figure(((trial.most_bytes["with"][0] - trial.most_bytes["without"][WARM_UP]) / 2**20,), "MiB")
    cut = f"closed by the server in {sum(trial.closed)} of {len(trial.closed)} rounds"
    case = f"one slow reader of {members}"
    return [
        Row("8", f"the others' p99 delay with and without {case}", figures["with"], figures["without"], LIMIT),
        Row(
            "8",
            f"memory that the server grows by, {case}",
            grown,
            None,
            MEMORY_MIB,
            cut,
        ),
    ]


class Trial:
    """Rounds of talk, each in a new room: history to read first would widen the slow one's way in the kernel."""

    def __init__(self, one: Side, others: int, messages: int, rate: float) -> None:
        self._one, self._others, self._messages, self._rate = one, others, messages, rate
        self._rooms = count()
        self.most_bytes: dict[str, list[int]] = {"without": [], "with": []}  # resident, for each round
        self.closed: list[bool] = []

    def connect(self) -> None:
        self._one.crowd.run(connect, self._one.server, 0, self._others)

    def without(self) -> float:
        return self._talk("without", self._enter())

    def with_one(self) -> float:
        room, server = self._enter(), self._one.server
        self._one.crowd.run(stop_reading, server.ports[0], server.token(self._others), room)
        p99_ms = self._talk("with", room)
        self.closed.append(self._one.crowd.run(hang_up))
        return p99_ms

    def _enter(self) -> str:
        room = f"slow-{next(self._rooms)}"
        self._one.crowd.run(enter, [room] * self._others)
        return room

    def _talk(self, kind: str, room: str) -> float:
        """Answers the p99 delay in milliseconds, and notes how much memory the server had at most."""
        most = 0
        self._one.crowd.start(talk, Talk([room], self._messages, self._rate, SIZE))
        while self._one.crowd.busy(SAMPLE_S):
            most = max(most, self._one.server.resident_bytes())
        self._one.heard.append(self._one.crowd.result())
        self.most_bytes[kind].append(most)
        return self._one.p99_ms()


async def stop_reading(clients: Clients, port: int, token: str, room: str) -> None:
    """One more joins, with a small buffer of its own, and reads no more."""
    line = socket.socket()
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT_BYTES)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    line.connect(("127.0.0.1", port))
    slow = await RawClient.connect(port, token, line=line)
    await slow.join(room)
    slow.transport.pause_reading()
    slow.rooms.clear()  # what it should hear is not waited for
    clients.append(slow)


async def hang_up(clients: Clients) -> bool:
    """Reads what is left, hangs up, and tells whether the server had done so before."""
    slow = clients.pop()
    slow.transport.resume_reading()
    closed = await slow.ends(within_s=CLOSED_S)
    slow.transport.abort()
    return closed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--rate", type=float, default=100, help="messages a second")
    parser.add_argument("--seconds", type=float, default=5, help="of one round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with Bench(people=options.members) as bench:
        for row in compare(bench, **vars(options)):
            print(row)


if __name__ == "__main__":
    main()
