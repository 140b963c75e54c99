"""Backup and restore by the commands of docs/operations.md, under clients that knew more than the copy does."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.releases import VersionProcess
from tests.flows.frames import enter
from tests.support.client import ChatClient, Frame
from tests.support.machine import missing
from tests.support.servers import PROJECT, Database
from tests.support.services import Postgres

Start = Callable[[Database], VersionProcess]


def _commands(title: str, number: int) -> str:
    """The block of this chapter: the first is for PostgreSQL, the second for SQLite."""
    chapter = (PROJECT / "docs/operations.md").read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.+?)```", chapter, re.DOTALL)[number]


class Site:
    """A chat whose database is backed up and restored; `folder` is where its operator types."""

    def __init__(self, folder: Path, database: Database, programs: Path | None) -> None:
        self.folder, self.database, self.programs = folder, database, programs
        (folder / "manage.py").symlink_to(PROJECT / "manage.py")
        (folder / ".venv/bin").mkdir(parents=True)
        python = folder / ".venv/bin/python"  # a symbolic link would be another environment
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)

    def type(self, title: str) -> None:
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        env = os.environ | {"DATABASE_URL": self.database.url, "PATH": path}
        commands = _commands(title, 0 if self.programs else 1)
        script = ["/bin/sh", "-eu", "-c", commands]
        done = subprocess.run(script, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as started:
        yield lambda database: started.enter_context(VersionProcess("uvicorn", folder=tmp_path, database=database))


async def test_a_client_from_before_the_restore_mixes_nothing_up_on_sqlite(
    tmp_path: Path, start: Start, django_db_blocker: Any
) -> None:
    def database() -> Database:
        return Database(f"sqlite:///{tmp_path / 'db.sqlite3'}", django_db_blocker)

    site = Site(tmp_path, database(), None)
    site.database.migrate()
    await _restore_under_a_client(site, start, database)


async def test_a_client_from_before_the_restore_mixes_nothing_up_on_postgresql(
    tmp_path: Path,
    start: Start,
    django_db_blocker: Any,
    postgres: Postgres,
    postgres_url: str,
) -> None:
    programs = Path(postgres.command[0]).parent
    if not (programs / "pg_dump").exists():
        missing("pg_dump")
    site = Site(tmp_path, Database(postgres_url, django_db_blocker), programs)
    await _restore_under_a_client(site, start, lambda: Database(postgres.new_database(), django_db_blocker))


async def _restore_under_a_client(site: Site, start: Start, empty: Callable[[], Database]) -> None:
    server = start(site.database)
    alice, bob = [await asyncio.to_thread(server.person, name) for name in ("alice", "bob")]
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await _say(client, "kept 1", "kept 2")
        site.type("Backups")
        await _say(client, "lost 3", "lost 4")
        known = await client.call("join-room", roomId="lobby")
    server.terminate()
    site.database = empty()
    site.type("Restoring a backup")
    server = start(site.database)
    async with ChatClient.connect(server.ws_url, bob.token) as other:
        assert await _say(other, "new 3", "new 4", "new 5") == [3, 4, 5]
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        joined = await client.call("join-room", roomId="lobby", after=known["headSeq"], epoch=known["epoch"])
        history = await client.expect("message-history")
        again = await client.call("chat-message", roomId="lobby", content="lost 4", clientId="lost 4")
    assert known["headSeq"] == 4
    assert joined["recovered"] is False
    assert joined["epoch"] != known["epoch"]
    assert [frame["content"] for frame in history["messages"]] == ["kept 1", "kept 2", "new 3", "new 4", "new 5"]
    assert again["seq"] == 6


async def _say(client: ChatClient, *texts: str) -> list[int]:
    await enter(client, "lobby")
    acks: list[Frame] = [
        await client.call("chat-message", roomId="lobby", content=text, clientId=text) for text in texts
    ]
    return [ack["seq"] for ack in acks]
