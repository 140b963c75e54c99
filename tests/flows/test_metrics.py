"""With several workers `/metrics` of any answers for all: counts stay when a worker is killed, gauges do not."""

import asyncio
import json
import os
import re
import signal
import urllib.request
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.servers import ServerProcess

PEOPLE = 8


async def _read(server: ServerProcess, path: str) -> str:
    """A new connection each time, so that any worker may take it."""

    def ask() -> str:
        with urllib.request.urlopen(f"{server.url}{path}", timeout=5) as answer:  # noqa: S310 - our own address
            text: str = answer.read().decode()
            return text

    return await asyncio.to_thread(ask)


async def _of_each(server: ServerProcess, path: str, without: int = 0) -> dict[int, dict[str, Any]]:
    """Process → its answer, when two processes other than this one have answered."""
    found: dict[int, dict[str, Any]] = {}
    async with asyncio.timeout(20):
        while len(found) < 2:
            body = json.loads(await _read(server, path))
            numbers = body.get("metrics", body)
            if numbers["process"] != without:
                found[numbers["process"]] = numbers
    return found


async def _text_value(server: ServerProcess, name: str) -> float:
    text = await _read(server, "/metrics?format=prometheus")
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]


async def test_any_worker_answers_for_all_and_counts_outlive_a_killed_one(
    make_server: Callable[..., ServerProcess], redis: Any
) -> None:
    server = make_server("uvicorn", REDIS_URL=redis.url, WORKERS=2, CHAT_DRAIN_S=0)
    async with AsyncExitStack() as stack:
        for number in range(PEOPLE):
            token = server.person(f"person-{number}").token
            client = await stack.enter_async_context(ChatClient.connect(server.ws_url, token))
            await enter(client, "hall")
            await client.call("chat-message", roomId="hall", content="hello")
        before = await _of_each(server, "/metrics")
        for numbers in before.values():
            assert (numbers["connections"]["total"], numbers["connections"]["active"]) == (PEOPLE, PEOPLE)
            assert numbers["messages"]["received"] == 3 * PEOPLE, "auth, join-room and chat-message of each"
        assert len({numbers["messages"]["sent"] for numbers in before.values()}) == 1
        assert await _text_value(server, "chat_messages_received_total") == 3 * PEOPLE
        assert await _text_value(server, "chat_messages_stored_total") == PEOPLE
        alone = await _of_each(server, "/health")
        assert sum(numbers["connections"]["active"] for numbers in alone.values()) == PEOPLE, (
            "/health is of one process"
        )

        killed, survivor = alone
        os.kill(killed, signal.SIGKILL)
        after = await _of_each(server, "/metrics", without=killed)
        assert survivor in after, "and the one in place of the killed one"
        for numbers in after.values():
            assert numbers["messages"]["received"] == 3 * PEOPLE
            assert numbers["connections"]["total"] == PEOPLE
            assert numbers["connections"]["active"] == alone[survivor]["connections"]["active"]
        assert await _text_value(server, "chat_messages_stored_total") == PEOPLE


async def test_the_shared_numbers_end_with_the_server(
    make_server: Callable[..., ServerProcess], redis: Any, tmp_path
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    server = make_server("uvicorn", REDIS_URL=redis.url, WORKERS=2, CHAT_DRAIN_S=0, TMPDIR=folder)
    assert list(folder.glob("chat-metrics-*/*.row"))
    assert await asyncio.to_thread(server.terminate) == 0
    assert not list(folder.glob("chat-metrics-*"))
