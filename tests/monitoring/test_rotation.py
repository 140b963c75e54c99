"""Log files several processes share."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from monitoring import rotation
from monitoring.rotation import file_handler

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import logging, sys
from pathlib import Path
from monitoring.rotation import file_handler
handler = file_handler(Path(sys.argv[1]), max_bytes=2000, keep=50)
for number in range(300):
    handler.handle(logging.makeLogRecord({"msg": f"{sys.argv[2]}-{number}"}))
"""


def write(handler: logging.Handler, text: str) -> None:
    handler.handle(logging.makeLogRecord({"msg": text}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "combined.log"


@pytest.mark.parametrize("has_locks", [True, False])
def test_a_full_file_is_renamed_and_the_oldest_is_dropped(
    path: Path, monkeypatch: pytest.MonkeyPatch, has_locks: bool
) -> None:
    """Without locks as on Windows, where one process writes."""
    monkeypatch.setattr(rotation, "HAS_LOCKS", has_locks)
    handler = file_handler(path, max_bytes=5, keep=2)
    for text in ("first", "second", "third", "fourth"):
        write(handler, text)
    handler.close()
    assert path.read_text() == "fourth\n"
    assert path.with_name("combined.log.1").read_text() == "third\n"
    assert path.with_name("combined.log.2").read_text() == "second\n"
    assert not path.with_name("combined.log.3").exists()


def test_a_file_that_somebody_else_renamed_is_begun_anew(path: Path) -> None:
    handler = file_handler(path)
    write(handler, "before")
    path.rename(path.with_name("elsewhere"))
    write(handler, "after")
    handler.close()
    assert path.read_text() == "after\n"


def test_processes_that_rotate_at_the_same_time_lose_no_line(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, name], cwd=ROOT) for name in ("one", "two")]
    assert [writer.wait() for writer in writers] == [0, 0]
    lines = [line for file in path.parent.glob("combined.log*") for line in file.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name}-{number}" for name in ("one", "two") for number in range(300))
