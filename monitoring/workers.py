"""Numbers that the workers of one server share: each has a row of cells in a file, locked for as long as it lives.

The lock ends with the process however it ends, so nobody has to note that a worker has died. Knows no instrument.
"""

import mmap
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

BYTES = 8  # of a cell, a double


class Row(NamedTuple):
    pid: int
    cells: Sequence[float]


class Rows(Protocol):
    """The row of this process, which it changes in place, and those of all."""

    own: Any  # a list of numbers, or what behaves like one

    def living(self) -> list[Row]:
        """The rows of the processes that live, this one among them."""

    def dead(self) -> list[Row]:
        """The last rows of those that have died."""


class OwnRow:
    """A process that shares with nobody."""

    def __init__(self, size: int) -> None:
        self.own: list[float] = [0] * size

    def living(self) -> list[Row]:
        return [Row(os.getpid(), self.own)]

    def dead(self) -> list[Row]:
        return []


class SharedRows:
    def __init__(self, folder: Path, size: int) -> None:
        """Adds a row of `size` zeros for this process to a folder that its workers have to themselves."""
        self._folder = folder
        # A name of its own: a process may have the number of one that died.
        path = folder / f"{os.getpid()}-{uuid.uuid4().hex}.row"
        with path.open("w+b") as file:
            _lock(file)
            file.truncate(size * BYTES)
            self._map = mmap.mmap(file.fileno(), size * BYTES)  # keeps the file open, and so its lock
        self.own = memoryview(self._map).cast("d")

    def living(self) -> list[Row]:
        return [row for row, lives in self._rows() if lives]

    def dead(self) -> list[Row]:
        return [row for row, lives in self._rows() if not lives]

    def _rows(self) -> list[tuple[Row, bool]]:
        return [row for path in sorted(self._folder.glob("*.row")) if (row := _read(path)) is not None]


def _read(path: Path) -> tuple[Row, bool] | None:
    """A row, and whether its process lives; None for one that is only being made."""
    with path.open("rb") as file:
        lives = not _lock(file)
        data = file.read()
    if not data:
        return None
    return Row(int(path.name.partition("-")[0]), memoryview(data).cast("d")), lives


def _lock(file: Any) -> bool:
    """Whether nobody else has locked this file."""
    import fcntl  # Windows, which has no such module, has one process

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class WorkersCollector(MultiProcessCollector):
    """The library's counts of all workers, without files that a starting worker has only created: it fails on these."""

    def __init__(self, registry: CollectorRegistry, folder: str) -> None:
        super().__init__(registry, folder)  # type: ignore[no-untyped-call]  # the library has no types here
        self._folder = Path(folder)

    def collect(self) -> Iterator[Metric]:
        files = [str(file) for file in self._folder.glob("*.db") if file.stat().st_size]
        yield from self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]


def resident_bytes(pid: int | None = None) -> int:
    """Memory a process, or this one, holds now; 0 where the system has no /proc to ask."""
    try:
        return int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def of_processes(pids: list[int]) -> Iterator[Metric]:
    """What the library measures of a process, of each by its number: their sum would shrink when one ends."""
    found: dict[str, Metric] = {}
    for pid in pids:
        for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
            samples = [sample._replace(labels={"pid": str(pid)}) for sample in metric.samples]
            found.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type)).samples += samples
    yield from found.values()
