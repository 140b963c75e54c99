"""One rate as settings write it: `5/s burst 20`. Knows no bucket and no user."""

import re
from dataclasses import dataclass, field

_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|min|h) burst (\d+)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}
ROUNDING_S = 1e-9  # of sums of intervals
RULE = "must be a rate such as 5/s burst 20 or 1/min burst 10, or 0 for none"


@dataclass(frozen=True)
class Rate:
    """A token comes every `interval_s`; who has waited long enough has `burst` of them.

    `tolerance_s` is how long before it is full a bucket still has one token.
    """

    interval_s: float
    burst: int
    tolerance_s: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance_s", (self.burst - 1) * self.interval_s + ROUNDING_S)


def parse(text: str) -> Rate | None:
    """The rate of a text; None for "0": no limit. Raises ValueError with what it must be."""
    if text.strip() == "0":
        return None
    found = _RATE.fullmatch(text.strip())
    if found is None or not float(found[1]) or not int(found[3]):
        raise ValueError(RULE)
    return Rate(_SECONDS[found[2]] / float(found[1]), int(found[3]))
