"""What it costs that many people join one room, who are signed in already.

`python -m benchmarks.joins [--people 1000] [--rounds 3]`
"""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

from benchmarks.crowd import Clients, Crowd, crowd, enter
from benchmarks.rounds import Figure, Row, take_turns
from benchmarks.servers import Bench, Server

PEER = "Node"
PEOPLE, LIMIT = 1000, 0.2  # of the peer's CPU, which grows with the square of the people
LINEAR = 1.25  # a join among all may cost so many times what one among a quarter costs
QUIET_S = 0.5  # when no frame has come for so long, everybody has been told


def measure(bench: Bench) -> list[Row]:
    return compare(bench, people=200 if bench.quick else PEOPLE, rounds=1 if bench.quick else 3)


def compare(bench: Bench, *, people: int, rounds: int) -> list[Row]:
    servers = {"ours": bench.ours()}
    if bench.peer_is_there:
        servers[PEER] = bench.peer()
    with ExitStack() as stack:
        sides: dict[str, Callable[[], float]] = {}
        for name, server in servers.items():
            running = stack.enter_context(server)
            clients = stack.enter_context(crowd(running, people))
            sides[name] = _joins(running, clients, people)
            sides[f"{name}, a quarter"] = _joins(running, clients, people // 4)
        figures = take_turns(rounds, sides, "s")
    each, few = _each(figures["ours"], people), _each(figures["ours, a quarter"], people // 4)
    peer = figures.get(PEER)
    case = f"{people:,} joins of one room"
    return [
        Row("4", f"CPU of {case}", figures["ours"], peer, LIMIT if peer and people >= PEOPLE else None),
        Row("4", f"CPU of each of {case}, against each of {people // 4}", each, few, LINEAR),
    ]


def _each(total: Figure, people: int) -> Figure:
    return Figure(tuple(seconds / people * 1000 for seconds in total.values), "ms")


def _joins(server: Server, clients: Crowd, people: int) -> Callable[[], float]:
    """Each call lets so many enter a new room, and answers seconds of CPU until all have been told."""
    numbers = count()

    def join() -> float:
        cpu = server.cpu_s()
        clients.run(rush, [f"rush-{people}-{next(numbers)}"] * people)
        return server.cpu_s() - cpu

    return join


async def rush(clients: Clients, rooms: list[str]) -> None:
    await enter(clients, rooms)
    seen = -1
    while (now := sum(client.frames for client in clients)) != seen:
        seen = now
        await asyncio.sleep(QUIET_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with Bench(people=options.people) as bench:
        for row in compare(bench, **vars(options)):
            print(row)


if __name__ == "__main__":
    main()
