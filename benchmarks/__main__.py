"""All measurements, side by side in one run: `python -m benchmarks`. With QUICK=1 a look in two minutes.

The whole run writes docs/performance.md and docs/performance/, the quick one only prints.
"""

import os
import time

from benchmarks import batches, curves, history, idle, joins, page, pairs, processes, rest, room, slow_reader
from benchmarks.goals import Row
from benchmarks.servers import Bench

MEASUREMENTS = (room, pairs, batches, processes, joins, idle, rest, slow_reader, history)
QUICK = bool(os.environ.get("QUICK"))
PEOPLE = 1000 + idle.WARM_UP if QUICK else 10_000 + idle.WARM_UP


def main() -> None:
    start = time.monotonic()
    rows: list[Row] = []
    with Bench(people=PEOPLE, quick=QUICK) as bench:
        for module in MEASUREMENTS:
            print(f"\n## {(module.__doc__ or '').splitlines()[0]}", flush=True)
            found = module.measure(bench)
            print("", *found, f"   ({time.monotonic() - start:.0f} s since the start)", sep="\n", flush=True)
            rows += found
        if not QUICK:
            page.write(rows, bench.found, curves.measure(bench))
    missed = sum(row.met is False for row in rows)
    print(
        f"\n{time.monotonic() - start:.0f} s; {missed} of {sum(row.met is not None for row in rows)} goals are not met."
    )


if __name__ == "__main__":
    main()
