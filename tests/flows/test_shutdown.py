"""SIGTERM: everybody is told goodbye, what was submitted is stored, and the process ends by itself with 0."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.servers import ServerProcess

GOODBYE = (1001, "Server shutdown")


@pytest.fixture(params=["uvicorn", "daphne"])
def server(request: pytest.FixtureRequest, make_server: Callable[..., ServerProcess]) -> ServerProcess:
    """A server of this flow alone, for it is stopped."""
    return make_server(request.param, CHAT_DRAIN_S=1)


async def test_everybody_is_told_goodbye(server: ServerProcess) -> None:
    alice = server.person("alice")
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(ChatClient.connect(server.ws_url, alice.token)) for _ in range(20)]
        sockets.append(await stack.enter_async_context(ChatClient.connect(server.ws_url)))  # within the last second
        await sockets[-1].expect("welcome")
        status = asyncio.create_task(asyncio.to_thread(server.terminate, 10))
        assert [await client.closed() for client in sockets] == [GOODBYE] * 21
        assert await status == 0


async def test_what_was_submitted_is_stored(server: ServerProcess) -> None:
    """Acknowledged means stored, to the last moment; and the commands that the server took up come to an end."""
    alice = server.person("alice")
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, "last-words")
        for number in range(200):
            await client.send("chat-message", id=f"{number}", roomId="last-words", content=f"number {number}")
        await client.expect("ack", id="0")
        assert await asyncio.to_thread(server.terminate, 10) == 0
        assert await client.closed() == GOODBYE
        acknowledged = {frame["seq"] for frame in client.log if frame["type"] == "ack"}
    stored = server.database.run(_stored)
    assert acknowledged <= {seq for seq, _ in stored}
    assert stored == [(seq, f"number {seq - 1}") for seq in range(1, len(stored) + 1)]


def _stored() -> list[tuple[int, str]]:
    from rooms.models import Message

    return list(Message.objects.order_by("seq").values_list("seq", "content"))
