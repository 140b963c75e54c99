"""Slash commands over real sockets, between messages, in two processes."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.client import ChatClient
from tests.support.servers import ServerProcess


@pytest.fixture
def pair(make_server: Callable[..., ServerProcess], postgres_url: str, redis: Any) -> tuple[ServerProcess, ...]:
    return tuple(make_server("uvicorn", database_url=postgres_url, REDIS_URL=redis.url) for _ in range(2))


async def test_a_command_is_answered_to_its_sender_and_keeps_its_place(pair: tuple[ServerProcess, ...]) -> None:
    here, there = pair
    admin, bob = here.person("alice", is_superuser=True), here.person("bob")
    async with (
        ChatClient.connect(here.ws_url, admin.token) as writer,
        ChatClient.connect(there.ws_url, bob.token) as reader,
    ):
        for client in (writer, reader):
            await client.call("join-room", roomId="hall")
        for content in ("before", "/topic news", "/me waves", "after"):
            await writer.send("chat-message", roomId="hall", content=content, id=content)
        for number, kind in enumerate((None, "system", "action", None), start=1):
            said = await reader.expect("chat-message", seq=number)
            assert said.get("kind") == kind
        assert await writer.expect("ack", id="/topic news") == {"type": "ack", "id": "/topic news", "roomId": "hall"}
        assert (await writer.expect("command-result"))["command"] == "topic"
        unknown = await writer.call("chat-message", roomId="hall", content="/nothing of the kind")
        assert (unknown["type"], unknown["code"], unknown["retryable"]) == ("error", "unknown-command", False)
        await reader.nothing("command-result")
        await reader.nothing("chat-message")
