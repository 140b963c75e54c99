"""How figures are made: sides take turns in one run, medians are compared, and the spread is shown.

The machine is never quiet. Turns that follow each other within seconds meet the same disturbances.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median


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
        spread = f" ({_short(low)}-{_short(high)})" if len(self.values) > 1 else ""
        return f"{_short(self.median)}{unit}{spread}"


@dataclass(frozen=True)
class Row:
    """One line of the table. The limit holds for the ratio to `other` if there is one, else for `ours` itself."""

    goal: str
    case: str
    ours: Figure
    other: Figure | None = None
    limit: float | None = None
    note: str = ""
    stores_us: Mapping[str, float] = field(default_factory=dict)  # CPU of the stores' own for each delivery

    @property
    def ratio(self) -> Figure | None:
        return self.ours / self.other if self.other else None

    @property
    def met(self) -> bool | None:
        """None where nothing was promised, or nothing was there to compare with."""
        return None if self.limit is None else (self.ratio or self.ours).median <= self.limit

    def __str__(self) -> str:
        parts = [f"{self.goal}  {self.case}: {self.ours}"]
        if self.other:
            parts.append(f"against {self.other}, ratio {self.ratio}")
        if self.limit is not None:
            parts.append(f"at most {self.limit:g}: {'met' if self.met else 'NOT MET'}")
        return "; ".join([*parts, self.note] if self.note else parts)


def take_turns(rounds: int, sides: Mapping[str, Callable[[], float]], unit: str) -> dict[str, Figure]:
    """Every side once in each round, every other round in reverse order; the first round warms up and is dropped."""
    values: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            value = sides[name]()
            if number:
                values[name].append(value)
    return {name: Figure(tuple(found), unit) for name, found in values.items()}


def _short(value: float) -> str:
    """Three digits, and no more than the value has."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
