"""This checkout beside another one: what a change costs. `git worktree add ../before main~9` makes the other.

`python -m benchmarks.before ../before [--seconds 1.5] [--rounds 12]`
"""

import argparse
from contextlib import ExitStack
from pathlib import Path

from benchmarks.goals import CPU, P50, RATE, row
from benchmarks.servers import Bench
from benchmarks.sides import Talk, at_rate, closed, one_by_one, side, take

BEFORE, NOW = "before", "now"
RATIO = 1.03  # what a change may cost


def talks(seconds: float) -> list[tuple[int, int, Talk]]:
    """People, rooms, and the load."""
    rate, cpu, p50 = RATE.with_goal(1 / RATIO), CPU.with_goal(RATIO), P50.with_goal(RATIO)
    return [
        (1000, 1, Talk("room of 1,000, 8 in flight", closed(8, seconds), [rate, cpu])),
        (200, 1, Talk("room of 200, 200 messages/s", at_rate(200, seconds), [cpu, P50])),
        (200, 1, Talk("room of 200, one in flight", one_by_one(seconds), [p50])),
        (200, 100, Talk("100 rooms of two, 64 in flight", closed(64, seconds), [rate, cpu])),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="the other checkout")
    parser.add_argument("--seconds", type=float, default=1.5, help="of one round")
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    for people, rooms, talk in talks(options.seconds):
        with ExitStack() as stack:
            sides = {}
            for name, project in ((BEFORE, options.before.resolve()), (NOW, Path.cwd())):
                bench = stack.enter_context(Bench(people=people, project=project))
                sides[name] = stack.enter_context(side(bench, bench.ours()))
                sides[name].load.connect(people)
                sides[name].load.join("room", people, rooms)
            found = take(bench, sides, talk, rounds=options.rounds, command=f"python -m benchmarks.before {BEFORE}")
        print(*(row(found, metric, NOW, BEFORE) for metric in talk.metrics), sep="\n", flush=True)


if __name__ == "__main__":
    main()
