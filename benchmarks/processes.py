"""What it costs to spread a room over two processes that reach each other by Redis, against one process alone.

`python -m benchmarks.processes [--members 400] [--rate 100] [--seconds 4] [--rounds 5]`
"""

from benchmarks.goals import CPU, P50, P99, Row, row
from benchmarks.servers import Bench
from benchmarks.sides import Talk, at_rate, in_rooms, run_alone, take

ONE, TWO = "one process", "two processes"
METRICS = (CPU.with_goal(1.3), P50.with_goal(5, absolute=True), P99.with_goal(15, absolute=True))


def measure(bench: Bench) -> list[Row]:
    seconds, rounds = (1.0, 1) if bench.quick else (4.0, 5)
    return run(bench, members=400, rate=100, seconds=seconds, rounds=rounds)


def talk(store: str, members: int, rate: float, seconds: float) -> Talk:
    return Talk(f"room of {members:,} over Redis, {store}, {rate:g} messages/s", at_rate(rate, seconds), METRICS)


def run(bench: Bench, *, members: int, rate: float, seconds: float, rounds: int) -> list[Row]:
    """On PostgreSQL where it is there, as several processes would have it. Members and senders take turns on both."""
    if not bench.has_redis:
        return []
    store = bench.stores[-1]
    servers = {ONE: bench.ours(store), TWO: bench.ours(store, redis=True, processes=2)}
    command = f"python -m benchmarks.processes --members {members} --rate {rate:g}"
    with in_rooms(bench, servers, members) as sides:
        found = take(bench, sides, talk(store, members, rate, seconds), rounds=rounds, command=command)
    return [row(found, metric, TWO, ONE) for metric in METRICS]


if __name__ == "__main__":
    run_alone(run, __doc__, members=400, rate=100, seconds=4)
