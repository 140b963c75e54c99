"""Whether one who stops reading delays the others in the room, and how much memory it takes.

`python -m benchmarks.slow_reader [--members 200] [--rate 100] [--seconds 5] [--rounds 5]`
"""

from itertools import count

from benchmarks import floor
from benchmarks.goals import P99, SQLITE, Goal, Metric, Row
from benchmarks.load import Result
from benchmarks.rounds import Figure, Rounds, take_turns
from benchmarks.servers import Bench
from benchmarks.sides import Side, run_alone, side

WITH, WITHOUT = "with a slow reader", "without one"
SIZE = 3_900  # characters of a message: a round fills the slow one's buffers, the kernel's too
SAMPLE_S = 0.02
WARM_UP = 2  # rounds in which the server's memory grows anyway
DELAY = Metric(P99.key, "p99 of the others", "ms").with_goal(1.2)
MEMORY = Metric("mib", "memory that it takes", "MiB", Goal(2, absolute=True))


def measure(bench: Bench) -> list[Row]:
    if bench.quick:
        return run(bench, members=100, rate=200, seconds=1.5, rounds=1)
    return run(bench, members=200, rate=100, seconds=4, rounds=5)


def run(bench: Bench, *, members: int, rate: float, seconds: float, rounds: int) -> list[Row]:
    """The same load with a slow reader and without one, on one server, in turns."""
    work, command = (
        f"one slow reader of {members}, {rate:g} messages/s",
        f"python -m benchmarks.slow_reader --members {members}",
    )
    with side(bench, bench.ours()) as one:
        trial = Trial(one, members - 1, f"open {rate:g} {seconds} {SIZE}")
        for _ in range(WARM_UP):
            trial.without()
        floor_us, results = floor.measure(), take_turns(rounds, {WITHOUT: trial.without, WITH: trial.with_one})
    found = Rounds(work, command, floor_us, results)
    bench.keep(found)
    print(f"   closed by the server in {sum(trial.closed)} of {len(trial.closed)} rounds")
    p99 = {name: found.figure(name, P99.key, "ms") for name in results}
    grown = Figure((trial.grown_mib(),), "MiB")
    return [
        Row(work, DELAY, SQLITE, p99[WITH], WITHOUT, p99[WITHOUT]),
        Row(work, MEMORY, SQLITE, grown),
    ]


class Trial:
    """Rounds of talk, each in a new room: history to read first would widen the slow one's way in the kernel."""

    def __init__(self, one: Side, others: int, command: str) -> None:
        self._one, self._others, self._command = one, others, command
        self._rooms = count()
        self._most_mib: dict[str, list[float]] = {WITHOUT: [], WITH: []}  # resident, for each round
        self.closed: list[bool] = []
        one.load.connect(others)

    def grown_mib(self) -> float:
        """Of the first round with it against the one before: later ones find the memory that it needed still there."""
        return self._most_mib[WITH][0] - self._most_mib[WITHOUT][WARM_UP]

    def without(self) -> Result:
        self._enter()
        return self._talk(WITHOUT)

    def with_one(self) -> Result:
        room = self._enter()
        self._one.load.stall(self._others, room)
        found = self._talk(WITH)
        self.closed.append(bool(self._one.load.run("hangup")["closed"]))
        return found

    def _enter(self) -> str:
        prefix = f"slow-{next(self._rooms)}"
        self._one.load.join(prefix, self._others)
        return f"{prefix}-0"

    def _talk(self, kind: str) -> Result:
        """Notes how much memory the server had at most."""
        most = 0
        self._one.load.start(self._command)
        while self._one.load.is_busy(SAMPLE_S):
            most = max(most, self._one.server.resident_bytes())
        found = self._one.load.result()
        self._most_mib[kind].append(most / 2**20)
        return found | {"client_busy": found["client_cpu_s"] / found["seconds"], "mib": most / 2**20}


if __name__ == "__main__":
    run_alone(run, __doc__, members=200, rate=100, seconds=5)
