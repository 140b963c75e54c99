"""Many rooms of two: nearly all work is what comes in, is stored and is acknowledged.

`python -m benchmarks.pairs [--rooms 100] [--in-flight N | --rate N] [--seconds 3] [--rounds 5]`
"""

import argparse

from benchmarks.goals import CPU, P50, P99, RATE, Row
from benchmarks.servers import Bench, Servers
from benchmarks.sides import FULL, Talk, at_rate, closed, compare, in_rooms, our_stores

BARE_PEER, PEER = "Node, no storage", "Node, Redis list"


def measure(bench: Bench) -> list[Row]:
    seconds, rounds = (1.0, 2) if bench.quick else (2.5, 5)
    return run(bench, 100, [saturated(100, 64, seconds), steady(100, 1000, seconds)], rounds)


def saturated(rooms: int, in_flight: int, seconds: float) -> Talk:
    work = f"{rooms} rooms of two, {in_flight} in flight"
    return Talk(work, closed(in_flight, seconds), [RATE.with_goal(1.2), P50, P99], f"--in-flight {in_flight}")


def steady(rooms: int, rate: float, seconds: float) -> Talk:
    goals = [CPU.with_goal(1.3), P50.with_goal(0.35, absolute=True), P99.with_goal(2, absolute=True)]
    return Talk(f"{rooms} rooms of two, {rate:,g} messages/s", at_rate(rate, seconds), goals, f"--rate {rate:g}")


def run(bench: Bench, rooms: int, talks: list[Talk], rounds: int) -> list[Row]:
    command = f"python -m benchmarks.pairs --rooms {rooms}"
    with in_rooms(bench, servers(bench), 2 * rooms, rooms) as sides:
        return compare(bench, sides, talks, rounds=rounds, command=command, peer=PEER)


def servers(bench: Bench) -> Servers:
    bare = {BARE_PEER: bench.peer("--quiet-joins")} if bench.has_peer and not bench.quick else {}
    peer = {PEER: bench.peer("--quiet-joins", redis=True)} if bench.has_peer and bench.has_redis else {}
    full = {} if bench.quick else {FULL: bench.ours(CHAT_SQLITE_SYNCHRONOUS="FULL")}
    return {**bare, **peer, **our_stores(bench), **full}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=100)
    load = parser.add_mutually_exclusive_group()
    load.add_argument("--in-flight", type=int, help="messages under way at a time, over all rooms")
    load.add_argument("--rate", type=float, help="messages a second, over all rooms")
    parser.add_argument("--seconds", type=float, default=3, help="of one round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rooms, seconds = options.rooms, options.seconds
    both = options.in_flight is None and options.rate is None
    talks = [saturated(rooms, options.in_flight or 64, seconds)] if both or options.in_flight else []
    talks += [steady(rooms, options.rate or 1000, seconds)] if both or options.rate else []
    with Bench(people=2 * rooms) as bench:
        print(*run(bench, rooms, talks, options.rounds), sep="\n")


if __name__ == "__main__":
    main()
