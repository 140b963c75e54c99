"""What it costs that many people who are signed in already join one room.

`python -m benchmarks.joins [--people 1000] [--rounds 3]`
"""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

from benchmarks import floor
from benchmarks.goals import PEER, SQLITE, Goal, Metric, Row, row
from benchmarks.load import Result
from benchmarks.rounds import Figure, Rounds, take_turns
from benchmarks.servers import Bench
from benchmarks.sides import Side, side

PEOPLE = 1000
QUARTER = f"{SQLITE}, a quarter of them"
CPU = Metric("cpu_s", "server CPU", "s").with_goal(0.1)
LINEAR = Metric("cpu_s", "server CPU of a join, against one of a quarter of them", "ms", Goal(1.25))
QUIET_MS = 500  # without a frame: by then every member has been notified


def measure(bench: Bench) -> list[Row]:
    return run(bench, people=200 if bench.quick else PEOPLE, rounds=1 if bench.quick else 3)


def run(bench: Bench, *, people: int, rounds: int) -> list[Row]:
    servers = {SQLITE: bench.ours()} | ({PEER: bench.peer()} if bench.has_peer else {})
    turns: dict[str, Callable[[], Result]] = {}
    with ExitStack() as stack:
        for name, server in servers.items():
            one = stack.enter_context(side(bench, server))
            one.load.connect(people)
            turns[name] = _joins(one, people)
            if name == SQLITE:
                turns[QUARTER] = _joins(one, people // 4)
        floor_us, results = floor.measure(), take_turns(rounds, turns)
    work = f"{people:,} joins of one room"
    found = Rounds(work, f"python -m benchmarks.joins --people {people}", floor_us, results)
    bench.keep(found)
    each, few = _each(found.figure(SQLITE, "cpu_s"), people), _each(found.figure(QUARTER, "cpu_s"), people // 4)
    against_peer = row(found, CPU if people >= PEOPLE else Metric("cpu_s", "server CPU", "s"), SQLITE, PEER)
    return [against_peer, Row(work, LINEAR, SQLITE, each, QUARTER, few)]


def _each(total: Figure, people: int) -> Figure:
    return Figure(tuple(seconds / people * 1000 for seconds in total.values), "ms")


def _joins(one: Side, people: int) -> Callable[[], Result]:
    """Each call lets this many people join a new room, and finds the server's CPU until all have been notified."""
    numbers = count()

    def join() -> Result:
        cpu_s = one.server.cpu_s()
        found = one.load.join(f"rush-{people}-{next(numbers)}", people)
        one.load.run(f"quiet {QUIET_MS}")
        return {
            "p50_ms": found["answer_p50_ms"],
            "p99_ms": found["answer_p99_ms"],
            "cpu_s": one.server.cpu_s() - cpu_s,
            "client_busy": found["client_cpu_s"] / found["seconds"],
        }

    return join


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with Bench(people=options.people) as bench:
        print(*run(bench, **vars(options)), sep="\n")


if __name__ == "__main__":
    main()
