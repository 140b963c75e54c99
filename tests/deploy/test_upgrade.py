"""An upgrade without a pause, as docs/upgrading.md has it: the schema first, then one process after the other.

The old code is the newest release, the new one the present code with made-up migrations. Before the first release the
present code is the old one too: then this shows that it bears columns, tables and indexes it knows nothing of.
"""

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.releases import VersionProcess, migrate, new_version, old_version
from tests.flows.frames import enter
from tests.reliability.traffic import Traffic
from tests.support.client import ChatClient
from tests.support.servers import Database

pytestmark = pytest.mark.timeout(240)
QUICK = {"CHAT_HEADS_INTERVAL_S": "1", "CHAT_PRESENCE_LEASE_S": "2", "CHAT_DRAIN_S": "1", "LOG_LEVEL": "WARNING"}


@pytest.fixture
def old_processes(tmp_path: Path, postgres: Any, redis: Any, django_db_blocker: Any) -> Iterator[list[VersionProcess]]:
    """Two processes of the old version over one PostgreSQL and one Redis."""
    version = old_version(tmp_path / "old")
    url, env = postgres.new_database(), {"REDIS_URL": redis.url, **QUICK}
    with ExitStack() as started:
        processes = []
        for _ in range(2):
            database = Database(url, django_db_blocker)
            process = VersionProcess("uvicorn", folder=tmp_path, database=database, env=env)
            process.cwd = version
            if not processes:
                migrate(version, database)
            processes.append(started.enter_context(process))
        yield processes


async def test_an_upgrade_while_people_talk_loses_nothing(old_processes: list[VersionProcess], tmp_path: Path) -> None:
    first, _ = old_processes
    version = new_version(tmp_path / "new")
    async with Traffic.of(old_processes, people=4) as traffic:
        await traffic.acknowledged(20, within=40)
        await asyncio.to_thread(migrate, version, first.database)
        await traffic.acknowledged(20, within=40)
        await _flows(first)
        for process in old_processes:
            assert await asyncio.to_thread(process.terminate) == 0
            process.cwd = version
            await asyncio.to_thread(process.start)
            await traffic.acknowledged(20, within=40)
        await _flows(first, again=True)
        (await traffic.end(first.database)).check()


async def _flows(process: VersionProcess, *, again: bool = False) -> None:
    """What people and operators do, besides talking."""
    name = "again" if again else "once"
    carol = await asyncio.to_thread(process.person, f"carol-{name}")
    async with ChatClient.connect(process.ws_url, carol.token) as client:
        assert (await client.call("create-room", roomId=name))["success"] is True
        await enter(client, name)
        assert (await client.call("chat-message", roomId=name, content="hello", clientId="1"))["seq"] == 1
        assert (await client.call("chat-message", roomId=name, content="hello", clientId="1"))["seq"] == 1
        [message] = (await client.call("get-history", roomId=name))["messages"]
        assert message["content"] == "hello"
    assert await asyncio.to_thread(_status, f"{process.url}/accounts/sign-in/") == 200
    assert await asyncio.to_thread(_status, f"{process.url}/ready") == 200
    for command in ("prune_history", "clearsessions", "check"):
        await asyncio.to_thread(_manage, process, command)


def _status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
        return int(answer.status)


def _manage(process: VersionProcess, command: str) -> None:
    env = {**(process.env or {}), "CHAT_HISTORY_LIMIT": "1000000"}  # more than people say meanwhile: nothing is pruned
    subprocess.run([sys.executable, "manage.py", command], cwd=process.cwd, env=env, check=True, capture_output=True)
