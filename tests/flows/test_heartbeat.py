"""The server's heartbeat: who answers it stays, who does not is cut and counts as gone."""

import asyncio
from collections.abc import Callable

import pytest

from tests.flows.frames import came, enter, left
from tests.flows.line import joined_line
from tests.support.client import ChatClient
from tests.support.servers import ServerProcess


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_dead_line_is_cut(make_server: Callable[..., ServerProcess], kind: str) -> None:
    server = make_server(kind, CHAT_HEARTBEAT_S=2, CHAT_LEAVE_DELAY_S=0)
    alice, bob = server.person("alice"), server.person("bob")
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, "hall")
        with await asyncio.to_thread(joined_line, server, bob.token, "hall"):
            assert await client.expect("user-joined") == came(bob, "hall")
            assert await client.expect("user-left", within=12) == left(bob, "hall")
        await client.call("ping")
