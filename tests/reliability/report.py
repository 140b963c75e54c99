"""Writes docs/reliability.md: runs every fault at its full length and records the result.

`make reliability`. A fault whose test fails is recorded as failed, and the command ends with pytest's status.
"""

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs/reliability.md"
KEPT = "## Floods"  # what stands below is measured by benchmarks
COUNTS = ("sent", "acknowledged", "stored", "lost", "doubled", "out_of_order")
WAIT_S = 180  # for one test; the longest outage is 20 s
INTRODUCTION = """# Reliability

What happens when the chat's dependencies fail, measured with real server processes over a real PostgreSQL and a real
Redis-compatible server, while clients post through all of the processes. `make reliability` writes this page;
`make test` does the same with shorter outages.

- **acknowledged**: the sender was given `ack`. **stored**: rows in the database at the end; a message can be stored
  though its `ack` was cut off, and is then sent again under the same `clientId` and acknowledged, not stored twice.
- **lost**: acknowledged and not stored, or stored and not shown to one of the members. **doubled**: stored or shown
  twice. **out of order**: holes in a room's `seq`, or shown in another order. These three must be 0.
- The clients reconnect, resume after the last `seq` they saw and send again what was not acknowledged
  (`tests/support/durable.py`). Each waits for its `ack` before it sends the next.
- Rows without counts are about presence and authorization; `–` stands for what was not counted.
- Intervals are shorter than the defaults, so that the tests need not wait: the sweep for lost events runs every second
  (default 5), a dead process counts for 2 s (15), a page that is reloaded may be away for 1 s (2).
"""


class Rows:
    """What the tests recorded, and which of them failed."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or hasattr(report, "wasxfail"):
            self.failed.append(report.nodeid.partition("::test_")[2].replace("_", " "))
        elif report.when == "call" and report.passed:
            self.rows += [value for name, value in report.user_properties if name == "reliability"]


def main() -> int:
    os.environ["FULL_OUTAGES"] = "1"
    found = Rows()
    options = ["-q", "-n0", f"--timeout={WAIT_S}", "-p", "no:cacheprovider"]
    status = pytest.main([str(HERE), *options], plugins=[found])
    kept = "".join(PAGE.read_text(encoding="utf-8").partition(KEPT)[1:])
    PAGE.write_text(f"{_page(found)}\n{kept}", encoding="utf-8")
    return int(status)


def _page(found: Rows) -> str:
    made = f"Made on {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores."
    heading = "| fault | processes | " + " | ".join(name.replace("_", " ") for name in COUNTS) + " | result |"
    line = "|---|" + "--:|" * (1 + len(COUNTS)) + "---|"
    rows = [*map(_row, found.rows), *(f"| {name} |{' – |' * (1 + len(COUNTS))} **failed** |" for name in found.failed)]
    return "\n".join([INTRODUCTION, made, "", heading, line, *rows, ""])


def _row(row: dict[str, Any]) -> str:
    counts = row["counts"] or {}
    cells = [row["fault"], row["processes"], *(counts.get(name, "–") for name in COUNTS), row["seen"]]
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    sys.exit(main())
