"""Writes docs/performance.md and its picture: what was measured and on what. The words are in page.txt."""

import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.curves import Curve
from benchmarks.picture import draw
from benchmarks.rounds import Row
from benchmarks.scaling import scaling
from benchmarks.servers import PEER

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
PACKAGES = ("Django", "channels", "channels-redis", "uvicorn", "uvloop", "msgspec", "psycopg")
GOALS = {
    "1": "a frame for each message",
    "2": "`message-batch`",
    "3": "rooms of two",
    "4": "joins",
    "5": "idle connections",
    "6": "history",
    "7": "two processes",
    "8": "a slow reader",
}


def write(rows: Sequence[Row], curves: Sequence[Curve], floor_us: float, folder: Path = DOCS) -> None:
    words = (HERE / "page.txt").read_text(encoding="utf-8").format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=_machine(),
        versions=_versions(),
        goals="\n".join(_goals(rows)),
        floor_us=floor_us,
        curves="\n\n".join("\n".join(_table(curve)) for curve in curves),
    )  # fmt: skip
    (folder / "performance.md").write_text(words + scaling(rows), encoding="utf-8")
    (folder / "performance.svg").write_text(draw(curves, "us of CPU for each delivery"), encoding="utf-8")


def _goals(rows: Sequence[Row]) -> Iterator[str]:
    yield "| goal | measured | ours | against | ratio | at most | met | seen besides |"
    yield "|---|---|--:|--:|--:|--:|---|---|"
    for row in rows:
        met = {True: "yes", False: "**no**", None: "–"}[row.met]
        limit = "–" if row.limit is None else f"{row.limit:g}" if row.other else f"{row.limit:g} {row.ours.unit}"
        goal = f"{row.goal} {GOALS[row.goal]}"
        cells = (goal, row.case, row.ours, row.other or "–", row.ratio or "–", limit, met, row.note)
        yield f"| {' | '.join(map(str, cells))} |"


def _table(curve: Curve) -> Iterator[str]:
    yield f"| {curve.title}: {curve.x_label} | {' | '.join(curve.points)} |"
    yield "|--:|" + "--:|" * len(curve.points)
    for index, x in enumerate(curve.xs):
        yield f"| {x:,} | {' | '.join(str(figures[index]) for figures in curve.points.values())} |"


def _machine() -> str:
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    processor = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores ({processor}), {memory_gib:.0f} GiB of memory, {platform.system()}, loopback"


def _versions() -> str:
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return f"Python {platform.python_version()}, {packages}; {_peer()}"


def _peer() -> str:
    if not (PEER / "node_modules/ws").exists():
        return "no Node on this machine, so there is nothing to compare with"
    script = "console.log(process.versions.node, ...['ws', 'redis'].map((n) => require(`./node_modules/${n}/package.json`).version))"  # noqa: E501 - one line of Node
    command = ["node", "-e", script]
    done = subprocess.run(command, cwd=PEER, check=True, capture_output=True, text=True)
    node, ws, redis = done.stdout.split()
    return f"Node {node}, ws {ws}, redis {redis}"
