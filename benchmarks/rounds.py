"""How figures are made: sides take turns in one run, medians are compared, and the spread is shown.

The machine is never quiet. Turns that follow each other within seconds meet the same disturbances.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.load import Result


@dataclass(frozen=True)
class Figure:
    """One value for each round."""

    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        return median(self.values)

    def __truediv__(self, other: "Figure") -> "Figure":
        """Round by round, so that what disturbed both sides of a round falls out."""
        return Figure(tuple(mine / its for mine, its in zip(self.values, other.values, strict=True)), "")

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        unit = f" {self.unit}" if self.unit else ""
        spread = f" ({short(low)}-{short(high)})" if len(self.values) > 1 else ""
        return f"{short(self.median)}{unit}{spread}"


@dataclass(frozen=True)
class Rounds:
    """What each side found in each round of one load; `floor_us` is what a write to a socket took at that time."""

    work: str
    command: str
    floor_us: float
    results: Mapping[str, list[Result]]

    def figure(self, side: str, key: str, unit: str = "") -> Figure:
        return Figure(tuple(result[key] for result in self.results[side]), unit)


def take_turns(rounds: int, sides: Mapping[str, Callable[[], Result]]) -> dict[str, list[Result]]:
    """Every side once in each round, every other round in reverse order; the first round warms up and is dropped."""
    results: dict[str, list[Result]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            found = sides[name]()
            if number:
                results[name].append(found)
    return results


def short(value: float) -> str:
    """Three digits, and no more than the value has."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
