"""What it costs to spread a room over two processes that reach each other by Redis, against one process alone.

`python -m benchmarks.processes [--members 400] [--rate 100] [--seconds 4] [--rounds 5]`
"""

import argparse
from contextlib import ExitStack
from functools import partial

from benchmarks.crowd import Talk
from benchmarks.rounds import Row, take_turns
from benchmarks.servers import Bench
from benchmarks.sides import side

ROOM = "wide"
LIMIT = 1.3  # of one process's CPU for each delivery


def measure(bench: Bench) -> list[Row]:
    seconds, rounds = (1.0, 2) if bench.quick else (4.0, 5)
    gather_ms = (None,) if bench.quick else (None, 0)
    found = (compare(bench, members=400, rate=100, seconds=seconds, rounds=rounds, gather_ms=ms) for ms in gather_ms)
    return [row for rows in found for row in rows]


def compare(
    bench: Bench, *, members: int, rate: float, seconds: float, rounds: int, gather_ms: int | None = None
) -> list[Row]:
    """On PostgreSQL where it is there, as several processes would have it."""
    if not bench.has_redis:
        return []
    store = bench.stores[-1]
    env = {} if gather_ms is None else {"CHAT_GATHER_MS": str(gather_ms)}
    servers = {"one": bench.ours(store, **env), "two": bench.ours(store, redis=True, processes=2, **env)}
    with ExitStack() as stack:
        sides = {name: stack.enter_context(side(server, [ROOM] * members)) for name, server in servers.items()}
        plan = Talk([ROOM], int(rate * seconds), rate)
        figures = take_turns(rounds, {name: partial(one.talk, plan) for name, one in sides.items()}, "us")
        case = f"CPU of a delivery, two processes over Redis against one without, {members} members, {store}"
        if gather_ms is not None:
            case += f", CHAT_GATHER_MS={gather_ms}"
        seen = f"{sides['two'].told()}; one: {sides['one'].told()}"
        return [Row("7", case, figures["two"], figures["one"], LIMIT, seen, sides["two"].stores_us())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=400)
    parser.add_argument("--rate", type=float, default=100, help="messages a second")
    parser.add_argument("--seconds", type=float, default=4, help="of one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gather-ms", type=int, help="CHAT_GATHER_MS of all servers, if it is not to be the default")
    options = parser.parse_args()
    with Bench(people=options.members) as bench:
        for row in compare(bench, **vars(options)):
            print(row)


if __name__ == "__main__":
    main()
