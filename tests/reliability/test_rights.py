"""Rights that are taken away or given elsewhere act on the open sockets of every process, within a second."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing

import pytest

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.servers import PROJECT, ServerProcess
from tests.support.services import Redis

Processes = Callable[..., list[ServerProcess]]
WITHIN_S = 3.0  # a second is what is promised; a test machine may be busy
PROGRAM = """
import sys, time
from datetime import timedelta
from django.utils import timezone
from accounts import services
from accounts.models import User
from rooms.models import Room
from rooms.services import moderation
print(flush=True)
for line in sys.stdin:
    start = time.time()
    exec(line)
    print(start, flush=True)
"""


class Operator:
    """A process that serves nobody, as a shell or a scheduled command is."""

    def __init__(self, server: ServerProcess, redis_url: str) -> None:
        variables = {"DATABASE_URL": server.database.url, "REDIS_URL": redis_url}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "-c", PROGRAM],
            env={**os.environ, **variables}, cwd=PROJECT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._answer()

    def _answer(self) -> str:
        assert self.process.stdout
        answer = self.process.stdout.readline()
        assert answer, "the operator's process has ended"
        return answer.strip()

    async def do(self, statement: str) -> float:
        """Runs one line of Python there; when it began."""
        assert self.process.stdin
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        while not (answer := await asyncio.to_thread(self._answer)).replace(".", "").isdigit():
            pass  # the shell prints what it imports
        return float(answer)

    def close(self) -> None:
        self.process.communicate(timeout=10)


@pytest.fixture
def servers(processes: Processes) -> list[ServerProcess]:
    return processes(2)


@pytest.fixture
def operator(servers: list[ServerProcess], redis: Redis) -> Iterator[Operator]:
    with closing(Operator(servers[0], redis.url)) as one:
        yield one


async def test_what_an_operator_changes_acts_on_open_sockets(
    servers: list[ServerProcess], operator: Operator, record: Callable[..., None]
) -> None:
    person = servers[0].person("bob")
    bob = f"User.objects.get(pk={person.id})"
    seconds: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(ChatClient.connect(one.ws_url, person.token)) for one in servers]
        for client in clients:
            await enter(client, "hall")
            await enter(client, "yard")

        hall, until = "Room.objects.get(name='hall').pk", "timezone.now() + timedelta(hours=1)"
        start = await operator.do(f"moderation.ban(room_id={hall}, user_id={person.id}, until={until})")
        seconds["ban in a room"] = await _all(clients, start, _is_put_out)

        start = await operator.do(f"user = {bob}; user.is_superuser = True; user.save()")
        seconds["role given"] = await _all(clients, start, _may_broadcast)
        start = await operator.do(f"user = {bob}; user.is_superuser = False; user.save()")
        seconds["role taken"] = await _all(clients, start, _may_not_broadcast)

        start = await operator.do(f"services.sign_out_everywhere(user_ids=[{person.id}])")
        seconds["signed out everywhere"] = await _all(clients, start, _is_closed_with(4101))

    other = servers[0].person("carol")
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(ChatClient.connect(one.ws_url, other.token)) for one in servers]
        start = await operator.do(f"user = User.objects.get(pk={other.id}); user.is_active = False; user.save()")
        seconds["deactivated"] = await _all(clients, start, _is_closed_with(4102))

    seen = ", ".join(f"{what} {1000 * took:.0f} ms" for what, took in seconds.items())
    record("rights changed in a process of no sockets", 2, f"acts in both after: {seen}")


async def test_what_the_bus_loses_is_found_in_the_database(
    servers: list[ServerProcess], record: Callable[..., None]
) -> None:
    person = servers[0].person("bob")
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(ChatClient.connect(one.ws_url, person.token)) for one in servers]
        with closing(Operator(servers[0], redis_url="")) as operator:
            statement = f"user = User.objects.get(pk={person.id}); user.is_superuser = True; user.save()"
            took = await _all(clients, await operator.do(statement), _may_broadcast)
    record("rights changed, and the message about it lost", 2, f"found by the next sweep, after {1000 * took:.0f} ms")


async def _all(clients: list[ChatClient], since: float, seen: Callable[[ChatClient], Awaitable[None]]) -> float:
    """Seconds until every one of these sockets has seen it."""
    async with asyncio.timeout(WITHIN_S):
        await asyncio.gather(*map(seen, clients))
    return max(0.0, time.time() - since)


async def _is_put_out(client: ChatClient) -> None:
    await client.expect("error", code="banned")
    await client.expect("room-left", roomId="hall")


async def _may_broadcast(client: ChatClient) -> None:
    while (await client.call("admin-broadcast", content="hear"))["type"] != "ack":
        await client.call("ping")


async def _may_not_broadcast(client: ChatClient) -> None:
    while (await client.call("admin-broadcast", content="hear")).get("code") != "forbidden":
        await client.call("ping")


def _is_closed_with(code: int) -> Callable[[ChatClient], Awaitable[None]]:
    async def closed(client: ChatClient) -> None:
        assert (await client.closed())[0] == code

    return closed
