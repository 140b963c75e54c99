"""Many reactions to one message at once, over two processes: all end with the same, and nobody is closed as slow."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.servers import ServerProcess

EMOJIS = ["👍", "🎉", "🚀", "👀"]
PEOPLE, TIMES = 10, 13  # an odd number of times: set at the end
CHANGES = PEOPLE * TIMES * len(EMOJIS)


async def test_five_hundred_reactions_at_once_converge(
    make_server: Callable[..., ServerProcess], postgres_url: str, redis: Any
) -> None:
    settings = {"database_url": postgres_url, "REDIS_URL": redis.url, "CHAT_RATE_CHANGES": "0"}
    pair = [make_server("uvicorn", **settings) for _ in range(2)]
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(PEOPLE):
            server = pair[number % 2]
            token = server.person(f"person-{number}").token
            clients.append(await stack.enter_async_context(ChatClient.connect(server.ws_url, token)))
            await enter(clients[-1], "hall")
        ack = await clients[0].call("chat-message", roomId="hall", content="Shall we?")
        for client in clients:
            await client.expect("chat-message")
        await asyncio.gather(*(_react(client, ack["messageId"]) for client in clients))
        seen = [[await client.expect("reaction", within=30) for _ in range(CHANGES)] for client in clients]
        [truth] = (await clients[0].call("get-history", roomId="hall"))["messages"]
    assert [event["changedSeq"] for event in seen[0]] == list(range(2, CHANGES + 2))
    assert all(one == seen[0] for one in seen)
    counts = {event["emoji"]: event["count"] for event in seen[0]}
    assert {kind["emoji"]: kind["count"] for kind in truth["reactions"]} == counts == dict.fromkeys(EMOJIS, PEOPLE)


async def _react(client: ChatClient, message_id: str) -> None:
    """Sets and takes away each emoji by turns, and leaves all set."""
    for emoji in EMOJIS:
        for change in range(TIMES):
            on = change % 2 == 0
            await client.send("react", roomId="hall", messageId=message_id, emoji=emoji, on=on)
