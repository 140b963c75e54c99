"""All measurements, side by side in one run: `python -m benchmarks`. With QUICK=1 a look in two minutes.

The whole run writes docs/performance.md, the quick one only prints.
"""

import os
import time

from benchmarks import curves, fanout, floor, history, idle, joins, page, pairs, processes, slow_reader
from benchmarks.rounds import Row
from benchmarks.servers import Bench

MEASUREMENTS = (fanout, pairs, joins, idle, history, processes, slow_reader)
QUICK = bool(os.environ.get("QUICK"))
PEOPLE = 1000 + idle.WARM_UP if QUICK else 10_000 + idle.WARM_UP


def main() -> None:
    start = time.monotonic()
    least_us = floor.measure()
    rows: list[Row] = []
    with Bench(people=PEOPLE, quick=QUICK) as bench:
        for module in MEASUREMENTS:
            print(f"\n{(module.__doc__ or '').splitlines()[0]}", flush=True)
            found = module.measure(bench)
            print(*found, f"   ({time.monotonic() - start:.0f} s since the start)", sep="\n", flush=True)
            rows += found
        if not QUICK:
            print(f"\n{(curves.__doc__ or '').splitlines()[0]}", flush=True)
            page.write(rows, curves.measure(bench), least_us)
    missed = sum(row.met is False for row in rows)
    print(
        f"\n{time.monotonic() - start:.0f} s; {missed} of {sum(row.met is not None for row in rows)} goals are not met."
    )


if __name__ == "__main__":
    main()
