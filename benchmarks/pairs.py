"""What a delivery costs where nearly all work is inbound: many rooms of two, each message heard by two.

`python -m benchmarks.pairs [--rooms 100] [--rate 1000] [--seconds 4] [--rounds 5]`
"""

import argparse
from contextlib import ExitStack
from functools import partial

from benchmarks.crowd import Talk
from benchmarks.rounds import Row, take_turns
from benchmarks.servers import Bench
from benchmarks.sides import side

PEER, BARE_PEER = "Node with Redis history", "Node without storage"
LIMIT = 1.5  # of the peer's CPU for each delivery, on SQLite


def measure(bench: Bench) -> list[Row]:
    return compare(bench, rooms=100, rate=1000, seconds=1 if bench.quick else 4, rounds=2 if bench.quick else 5)


def compare(bench: Bench, *, rooms: int, rate: float, seconds: float, rounds: int) -> list[Row]:
    names = [f"pair-{number}" for number in range(rooms)]
    servers = {store: bench.ours(store) for store in bench.stores}
    if bench.peer_is_there:
        if not bench.quick:
            servers[BARE_PEER] = bench.peer()
        if bench.has_redis:
            servers[PEER] = bench.peer(redis=True)
    with ExitStack() as stack:
        sides = {name: stack.enter_context(side(server, names * 2)) for name, server in servers.items()}
        plan = Talk(names, int(rate * seconds), rate)
        figures = take_turns(rounds, {name: partial(one.talk, plan) for name, one in sides.items()}, "us")
        peers = [f"{name}: {figures[name]}, {sides[name].told()}" for name in (BARE_PEER, PEER) if name in figures]
        print(*(f"   {words}" for words in peers), sep="\n")
        case = f"CPU of a delivery, {rooms} rooms of two, {rate:g} messages a second, against {PEER}"
        peer, limits = figures.get(PEER), {"SQLite": LIMIT}
        rows = []
        for store in bench.stores:
            limit, seen = limits.get(store) if peer else None, sides[store]
            rows.append(Row("3", f"{case}, {store}", figures[store], peer, limit, seen.told(), seen.stores_us()))
        return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=100)
    parser.add_argument("--rate", type=float, default=1000, help="messages a second, over all rooms")
    parser.add_argument("--seconds", type=float, default=4, help="of one round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with Bench(people=2 * options.rooms) as bench:
        for row in compare(bench, **vars(options)):
            print(row)


if __name__ == "__main__":
    main()
