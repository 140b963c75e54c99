"""Writes docs/performance.md, its picture and the results of each round. The words are in page.txt."""

import csv
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.curves import Curve
from benchmarks.goals import Row, shown, table
from benchmarks.picture import draw
from benchmarks.rounds import Rounds
from benchmarks.scaling import scaling
from benchmarks.servers import PEER, PEER_PACKAGES

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
PACKAGES = ("Django", "channels", "channels-redis", "uvicorn", "uvloop", "msgspec", "psycopg")


def write(rows: Sequence[Row], found: Sequence[Rounds], curves: Sequence[Curve], folder: Path = DOCS) -> None:
    floors = [one.floor_us for one in found]
    words = (HERE / "page.txt").read_text(encoding="utf-8").format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=_machine(),
        versions=_versions(),
        floor_us=median(floors),
        floor_low_us=min(floors),
        floor_high_us=max(floors),
        goals="\n".join(_goals(rows)),
        missed=sum(row.met is False for row in rows),
        goals_count=sum(row.met is not None for row in rows),
        tables="\n\n".join(_measured(one) for one in found),
        curves="\n\n".join("\n".join(_points(curve)) for curve in curves),
    )  # fmt: skip
    (folder / "performance.md").write_text(words + scaling(found), encoding="utf-8")
    (folder / "performance").mkdir(exist_ok=True)
    (folder / "performance/curves.svg").write_text(draw(curves, "deliveries/s"), encoding="utf-8")
    _write_rounds(found, folder / "performance/rounds.csv")


def _goals(rows: Sequence[Row]) -> Iterator[str]:
    yield "| work | what | side | ours | against | ratio | goal | met |"
    yield "|---|---|---|--:|--:|--:|--:|---|"
    for row in rows:
        met = {True: "yes", False: "**no**", None: "–"}[row.met]
        other = f"{shown(row.other_side)} {row.other}" if row.other else "–"
        cells = (row.work, row.metric.name, shown(row.side), row.ours, other, row.ratio or "–", row.goal, met)
        yield f"| {' | '.join(map(str, cells))} |"


def _measured(found: Rounds) -> str:
    return "\n".join([*table(found), "", f"`{found.command}`; floor {found.floor_us:.2f} us"])


def _points(curve: Curve) -> Iterator[str]:
    yield f"| {curve.title}: {curve.x_label} | {' | '.join(curve.points)} |"
    yield "|--:|" + "--:|" * len(curve.points)
    for index, x in enumerate(curve.xs):
        yield f"| {x:,} | {' | '.join(str(figures[index]) for figures in curve.points.values())} |"


def _write_rounds(found: Sequence[Rounds], file: Path) -> None:
    """One line for each side and round; a value that a load does not have is empty."""
    results = [result for one in found for side in one.results.values() for result in side]
    keys = list(dict.fromkeys(key for result in results for key in result))
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["work", "side", "round", "floor_us", *keys])
        for one in found:
            for side, rounds in one.results.items():
                for number, result in enumerate(rounds, 1):
                    values = (f"{result[key]:.6g}" if key in result else "" for key in keys)
                    writer.writerow([one.work, shown(side), number, f"{one.floor_us:.3g}", *values])


def _machine() -> str:
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    processor = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores ({processor}), {memory_gib:.0f} GiB of memory, {platform.system()}, loopback"


def _versions() -> str:
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return f"Python {platform.python_version()}, {packages}; {_peer()}"


def _peer() -> str:
    found = [name for name in (*PEER_PACKAGES, "better-sqlite3") if (PEER / "node_modules" / name).exists()]
    if not found:
        return "no Node on this machine, so there is nothing to compare with"
    node = subprocess.run([shutil.which("node") or "node", "--version"], check=True, capture_output=True, text=True)
    packages = (json.loads((PEER / "node_modules" / name / "package.json").read_text()) for name in found)
    versions = ", ".join(f"{package['name']} {package['version']}" for package in packages)
    return f"Node {node.stdout.strip().removeprefix('v')}, {versions}"
