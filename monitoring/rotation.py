"""Log files that several processes write to, rotated by size.

The standard library's RotatingFileHandler loses lines when more than one process has the file open: each renames what
another has just begun. Here a file lock lets one process rename, and WatchedFileHandler makes the others follow. An
outside logrotate may rename the files as well. Windows has neither these locks nor renaming of open files: there the
standard library's handler serves the one process of the development server.
"""

import logging
from logging.handlers import RotatingFileHandler, WatchedFileHandler
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    HAS_LOCKS = False
else:
    HAS_LOCKS = True

MAX_BYTES = 50_000_000  # of one file; with KEEP old ones of each, the two logs stay under 600 MB
KEEP = 5


def file_handler(path: Path, *, max_bytes: int = MAX_BYTES, keep: int = KEEP) -> logging.Handler:
    """Appends lines to a file; renames it to `.1` once it is `max_bytes` long, and keeps that many old ones."""
    if not HAS_LOCKS:
        return RotatingFileHandler(path, maxBytes=max_bytes, backupCount=keep, encoding="utf-8")
    return SharedFileHandler(path, max_bytes=max_bytes, keep=keep)


class SharedFileHandler(WatchedFileHandler):
    """Appends lines, which the system keeps whole; renames the file as the other processes expect it."""

    def __init__(self, path: Path, *, max_bytes: int, keep: int) -> None:
        super().__init__(path, encoding="utf-8")
        self._path, self._max_bytes, self._keep = path, max_bytes, keep

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._is_full():
                self._rotate()
        except OSError:
            self.handleError(record)
        super().emit(record)

    def _is_full(self) -> bool:
        return self._path.exists() and self._path.stat().st_size >= self._max_bytes

    def _rotate(self) -> None:
        with self._path.with_name(f".{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._is_full():  # another process was first
                return
            for number in range(self._keep - 1, 0, -1):
                if self._numbered(number).exists():
                    self._numbered(number).replace(self._numbered(number + 1))
            self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
