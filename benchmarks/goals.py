"""What is promised, and whether a run kept it. The goals themselves stand beside each measurement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.rounds import Figure, Rounds, short

PEER, SQLITE, POSTGRES = "Node", "SQLite", "PostgreSQL"
STORES_RATIO = 1.5  # PostgreSQL against SQLite, whatever is measured
COLUMNS = {
    "deliveries_s": "deliveries/s",
    "requests_s": "requests/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "max_ms": "max ms",
    "ack_p50_ms": "ack p50 ms",
    "ack_p99_ms": "ack p99 ms",
    "us": "server us a delivery",
    "request_us": "server us a request",
    "PostgreSQL_us": "PostgreSQL's own us",
    "Redis_us": "Redis' own us",
    "cpu_s": "server CPU s",
    "kib": "KiB a connection",
    "early_mib": "MiB after the first sixth",
    "mib": "MiB",
    "percent": "% of a core",
    "server_busy": "server busy",
    "client_busy": "client busy",
    "late_ms": "client late ms",
}


@dataclass(frozen=True)
class Goal:
    """`absolute`: the figure itself is held to it, else its ratio to the other side's."""

    limit: float
    at_least: bool = False
    absolute: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g}"


@dataclass(frozen=True)
class Metric:
    """One name of a round's result, how it is shown, and what is promised of it."""

    key: str
    name: str
    unit: str
    goal: Goal | None = None
    more_is_better: bool = False

    def with_goal(self, limit: float, *, absolute: bool = False) -> "Metric":
        return replace(self, goal=Goal(limit, self.more_is_better, absolute))


RATE = Metric("deliveries_s", "deliveries", "/s", more_is_better=True)
P50, P99 = Metric("p50_ms", "p50 until others have it", "ms"), Metric("p99_ms", "p99 until others have it", "ms")
CPU = Metric("us", "server CPU a delivery", "us")


@dataclass(frozen=True)
class Row:
    """One line of the table of goals."""

    work: str
    metric: Metric
    side: str
    ours: Figure
    other_side: str = ""
    other: Figure | None = None

    @property
    def ratio(self) -> Figure | None:
        return self.ours / self.other if self.other else None

    @property
    def met(self) -> bool | None:
        """None where nothing was promised, or nothing was there to compare with."""
        goal = self.metric.goal
        held = self.ours if goal and goal.absolute else self.ratio
        if goal is None or held is None:
            return None
        return held.median >= goal.limit if goal.at_least else held.median <= goal.limit

    @property
    def goal(self) -> str:
        goal = self.metric.goal
        return "–" if goal is None else f"{goal} {self.metric.unit if goal.absolute else '×'}"

    def __str__(self) -> str:
        parts = [f"{self.work}, {self.metric.name}, {shown(self.side)}: {self.ours}"]
        if self.other:
            parts.append(f"{shown(self.other_side)} {self.other}, ratio {self.ratio}")
        if self.metric.goal:
            parts.append(f"{self.goal}: {'met' if self.met else 'not measured' if self.met is None else 'NOT MET'}")
        return "; ".join(parts)


def rows(found: Rounds, metrics: Sequence[Metric], *, peer: str = PEER) -> Iterator[Row]:
    """SQLite against the peer, and PostgreSQL against SQLite, as far as each was measured."""
    for metric in metrics:
        yield row(found, metric, SQLITE, peer)
        if POSTGRES in found.results:
            limit = round(1 / STORES_RATIO, 2) if metric.more_is_better else STORES_RATIO
            yield row(found, metric.with_goal(limit), POSTGRES, SQLITE)


def row(found: Rounds, metric: Metric, side: str, other_side: str = "") -> Row:
    ours = found.figure(side, metric.key, metric.unit)
    if other_side not in found.results:
        return Row(found.work, metric, side, ours)
    return Row(found.work, metric, side, ours, other_side, found.figure(other_side, metric.key, metric.unit))


def table(found: Rounds) -> Iterator[str]:
    """Each side's medians, as Markdown; a column without any value is left out."""
    results = {side: rounds[0] for side, rounds in found.results.items()}
    columns = [key for key in COLUMNS if any(key in result for result in results.values())]
    yield f"| {found.work} | {' | '.join(COLUMNS[key] for key in columns)} |"
    yield "|---|" + "--:|" * len(columns)
    for side, result in results.items():
        yield f"| {shown(side)} | {' | '.join(_cell(found, side, key) if key in result else '–' for key in columns)} |"


def shown(side: str) -> str:
    """The side with what it promises of its commits; the other sides say it in their names."""
    return f"{SQLITE}, synchronous=NORMAL" if side == SQLITE else side


def _cell(found: Rounds, side: str, key: str) -> str:
    value = found.figure(side, key).median
    return f"{value:.0%}" if key.endswith("_busy") else short(value)
