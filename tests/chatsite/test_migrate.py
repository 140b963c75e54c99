"""`manage.py migrate`: several at once succeed, on an empty database and on both kinds."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from rooms.storage.migration_lock import migration_lock
from tests.support.machine import wait_until
from tests.support.servers import PROJECT, Database

WAITING = "Another migration of this database is running; waiting for its end."

HOLDER = """
import django
django.setup()
from django.db import connection
from rooms.storage.migration_lock import migration_lock
with migration_lock(connection, on_wait=exit):
    print("held", flush=True)
    input()
"""


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of this test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.sqlite3'}"
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def database(new_url: str, django_db_blocker: Any) -> Any:
    with closing(Database(new_url, django_db_blocker)) as database:
        yield database


def _start(url: str, log: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0", *arguments]
        env = os.environ | {"DATABASE_URL": url}
        return subprocess.Popen(command, env=env, cwd=PROJECT, stdout=out, stderr=subprocess.STDOUT)


def test_those_that_come_second_wait_and_find_nothing_left_to_do(
    new_url: str, database: Database, tmp_path: Path
) -> None:
    logs = [tmp_path / f"{number}.log" for number in range(3)]

    def waiting() -> bool:
        return all(WAITING in log.read_text() for log in logs)

    def hold_until_all_wait() -> list["subprocess.Popen[bytes]"]:
        with migration_lock(connection, on_wait=_unexpected):
            started = [_start(new_url, log) for log in logs]
            wait_until(waiting, what="All three wait")
            assert not connection.introspection.table_names()
            return started

    for process in database.run(hold_until_all_wait):
        assert process.wait(timeout=40) == 0, [log.read_text() for log in logs]
    assert [log.read_text().strip() for log in logs] == [WAITING] * 3
    assert _start(new_url, tmp_path / "check.log", "--check").wait(timeout=20) == 0


def _unexpected() -> None:
    raise AssertionError("nobody else has the lock")


def test_the_lock_is_free_again_after_a_failure(database: Database) -> None:
    def fail() -> None:
        with migration_lock(connection, on_wait=_unexpected):
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            database.run(fail)


def test_a_killed_migration_leaves_no_lock(new_url: str, database: Database, tmp_path: Path) -> None:
    env = os.environ | {"DATABASE_URL": new_url}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], env=env, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        waiting = _start(new_url, tmp_path / "log")
        wait_until(lambda: WAITING in (tmp_path / "log").read_text(), what="The second waits")
        process.kill()
    assert waiting.wait(timeout=40) == 0


def test_a_database_in_memory_needs_no_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(connection.settings_dict, "NAME", ":memory:")
    with migration_lock(connection, on_wait=_unexpected):
        assert not list(tmp_path.iterdir())
