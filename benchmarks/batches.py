"""Clients that accept `message-batch`: the first message of a quiet room, and what a delivery costs in a busy one.

`python -m benchmarks.batches [--members 200] [--rate 200] [--seconds 5] [--rounds 5]`
"""

from benchmarks.goals import CPU, P50, P99, PEER, Row
from benchmarks.servers import Bench
from benchmarks.sides import Talk, at_rate, compare, in_rooms, our_stores, run_alone

BATCH = "message-batch"
QUIET_RATE = 4.0  # messages a second; by then a room is quiet: the peer's batches wait for 100 ms


def measure(bench: Bench) -> list[Row]:
    seconds, rounds = (1.0, 1) if bench.quick else (4.0, 5)
    return run(bench, 200, 200, seconds, rounds)


def run(bench: Bench, members: int, rate: float, seconds: float, rounds: int) -> list[Row]:
    servers = {PEER: bench.peer("--quiet-joins", "--batch")} if bench.has_peer else {}
    room = f"batches accepted, room of {members:,}"
    quiet = Talk(
        f"{room}, first message after a pause", at_rate(QUIET_RATE, seconds), [P50.with_goal(3, absolute=True)]
    )
    busy = Talk(f"{room}, {rate:g} messages/s", at_rate(rate, seconds), [CPU.with_goal(1.2), P50, P99])
    with in_rooms(bench, {**servers, **our_stores(bench)}, members, accept=BATCH) as sides:
        command = f"python -m benchmarks.batches --members {members} --rate {rate:g}"
        return compare(bench, sides, [quiet, busy], rounds=rounds, command=command)


if __name__ == "__main__":
    run_alone(run, __doc__, members=200, rate=200, seconds=5)
