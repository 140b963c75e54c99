"""One room: how many deliveries it carries, how long a message takes, and what that costs the server.

`python -m benchmarks.room [--members 200] [--in-flight N | --rate N] [--seconds 3] [--rounds 5]`
"""

import argparse

from benchmarks.goals import CPU, P50, P99, PEER, RATE, Row
from benchmarks.servers import Bench, Servers
from benchmarks.sides import FULL, Talk, at_rate, closed, compare, in_rooms, one_by_one, our_stores

LARGE, LARGE_RATIO = 1000, 7


def measure(bench: Bench) -> list[Row]:
    seconds, rounds = (1.0, 2) if bench.quick else (2.5, 5)
    found = run(bench, 200, [saturated(200, 32, seconds), steady(200, 200, seconds), alone(200, seconds)], rounds)
    return [*found, *run(bench, LARGE, [saturated(LARGE, 8, seconds)], rounds)]


def saturated(members: int, in_flight: int, seconds: float) -> Talk:
    """Closed loop: as fast as the server goes."""
    goals = (
        [RATE.with_goal(10), P50, P99.with_goal(0.2)] if members < LARGE else [RATE.with_goal(LARGE_RATIO), P50, P99]
    )
    work = f"room of {members:,}, {in_flight} in flight"
    return Talk(work, closed(in_flight, seconds), goals, f"--in-flight {in_flight}")


def steady(members: int, rate: float, seconds: float) -> Talk:
    """Open loop: what a server that has time to spare takes for it."""
    work = f"room of {members:,}, {rate:g} messages/s"
    goals = [P50.with_goal(1.2), P99.with_goal(1.5), CPU.with_goal(1.05)]
    return Talk(work, at_rate(rate, seconds), goals, f"--rate {rate:g}")


def alone(members: int, seconds: float) -> Talk:
    work = f"room of {members:,}, one in flight"
    return Talk(work, one_by_one(seconds), [P50.with_goal(1.1), P99], "--in-flight 1")


def run(bench: Bench, members: int, talks: list[Talk], rounds: int) -> list[Row]:
    with in_rooms(bench, servers(bench, members), members) as sides:
        return compare(bench, sides, talks, rounds=rounds, command=f"python -m benchmarks.room --members {members}")


def servers(bench: Bench, members: int) -> Servers:
    peer = {PEER: bench.peer("--quiet-joins")} if bench.has_peer else {}
    full = {FULL: bench.ours(CHAT_SQLITE_SYNCHRONOUS="FULL")} if members < LARGE and not bench.quick else {}
    return {**peer, **our_stores(bench), **full}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=200)
    load = parser.add_mutually_exclusive_group()
    load.add_argument("--in-flight", type=int, help="messages under way at a time")
    load.add_argument("--rate", type=float, help="messages a second")
    parser.add_argument("--seconds", type=float, default=3, help="of one round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    members, seconds = options.members, options.seconds
    if options.rate:
        talks = [steady(members, options.rate, seconds)]
    elif options.in_flight:
        talks = [alone(members, seconds) if options.in_flight == 1 else saturated(members, options.in_flight, seconds)]
    else:
        talks = [saturated(members, 32, seconds), steady(members, 200, seconds), alone(members, seconds)]
    with Bench(people=members) as bench:
        print(*run(bench, members, talks, options.rounds), sep="\n")


if __name__ == "__main__":
    main()
