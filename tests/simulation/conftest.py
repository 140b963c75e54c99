"""Says at the end how much the simulated worlds went through, over all worker processes."""

from collections import Counter
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    changed: Counter[str] = Counter()
    for report in reports:
        changed.update(dict(report.user_properties).get("permissions", {}))
    if changed:
        summary = ", ".join(f"{count} {kind}" for kind, count in changed.most_common())
        terminalreporter.write_line(f"Changes by people of changing rights: {summary}")
    worlds = [value for report in reports for name, value in report.user_properties if name == "simulation"]
    totals: Counter[str] = Counter()
    for counts in worlds:
        totals.update(counts)
    if worlds:
        summary = ", ".join(f"{count} {name}" for name, count in totals.items())
        terminalreporter.write_line(f"{len(worlds)} simulated worlds: {summary}")
