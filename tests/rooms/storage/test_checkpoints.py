"""SQLite's write-ahead log is copied beside the writer, who takes part only when the log has grown."""

from collections.abc import Iterator
from threading import current_thread

import pytest
from django.db import connection

from rooms.storage import checkpoints
from rooms.storage.checkpoints import COMMITS, LOG_PAGES, Checkpoints
from tests.support.factories import make_room
from tests.support.machine import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def copied_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that made a checkpoint, in order."""
    names: list[str] = []
    checkpoint = checkpoints.checkpoint

    def noted(plain: object) -> int:
        pages = checkpoint(plain)  # type: ignore[arg-type]
        names.append(current_thread().name)
        return pages

    monkeypatch.setattr(checkpoints, "checkpoint", noted)
    return names


@pytest.fixture
def writer() -> Iterator[Checkpoints]:
    connection.ensure_connection()
    writer = Checkpoints()
    yield writer
    writer.stop()
    connection.close()  # its own checkpoints are off


def test_the_writer_makes_no_checkpoints_by_chance(writer: Checkpoints) -> None:
    writer.after_commit()
    assert connection.connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_a_thread_of_its_own_copies_the_log(writer: Checkpoints, copied_by: list[str]) -> None:
    for _ in range(COMMITS - 1):
        writer.after_commit()
    assert copied_by == []
    make_room()
    writer.after_commit()
    wait_until(lambda: copied_by, what="a checkpoint")
    assert copied_by == ["checkpoints"]


def test_the_writer_copies_what_is_left_of_a_log_that_has_grown(writer: Checkpoints, copied_by: list[str]) -> None:
    writer._log_pages = LOG_PAGES + 1
    writer.after_commit()
    writer.after_commit()
    assert copied_by == [current_thread().name]


def test_a_new_connection_of_the_writer_makes_none_either(writer: Checkpoints) -> None:
    writer.after_commit()
    connection.close()
    connection.ensure_connection()
    writer.after_commit()
    assert connection.connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_stopping_ends_the_thread(writer: Checkpoints) -> None:
    for _ in range(COMMITS):
        writer.after_commit()
    thread = writer._thread
    assert thread is not None
    writer.stop()
    thread.join(10)
    assert not thread.is_alive()
