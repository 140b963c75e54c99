"""A bot that writes in pieces, over two processes: readers and the bot may go from one to the other meanwhile."""

import asyncio
import json
import urllib.request
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from rooms.callers import CODE
from rooms.services import bots
from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.factories import make_room
from tests.support.servers import ServerProcess
from tests.support.streams import ANSWER, Reader, make_bot, pieces

IDLE_S = 2  # a bot that is silent for so long has died


@pytest.fixture
def pair(make_server: Callable[..., ServerProcess], postgres_url: str, redis: Any) -> tuple[ServerProcess, ...]:
    settings = {
        "database_url": postgres_url,
        "REDIS_URL": redis.url,
        "CHAT_STREAM_IDLE_S": str(IDLE_S),
        "CHAT_HEADS_INTERVAL_S": "1",
        "CHAT_RATE_APPENDS": "0",
    }
    return tuple(make_server("uvicorn", **settings) for _ in range(2))


def _token() -> str:
    room = make_room("hall")
    return bots.issue(actor=CODE, bot=make_bot(room).chat_bot, rooms=[room]).text


async def test_a_text_goes_on_wherever_bot_and_readers_are(pair: tuple[ServerProcess, ...]) -> None:
    here, there = pair
    token, alice = here.database.run(_token), here.person("alice")
    async with ChatClient.connect(there.ws_url, alice.token) as reader:
        await enter(reader, "hall")
        question = await reader.call("chat-message", roomId="hall", content="Why?")
        message_id = await _write_from_both(pair, token, question["messageId"], alice.token)
        end = await reader.expect("message-edited", messageId=message_id)
        assert (end["content"], "streaming" in end) == (ANSWER, False)
        followed = Reader()
        for frame in reader.log:
            followed.take(frame)
        assert (followed.text, followed.missing, followed.is_open) == (ANSWER, [], False)
        await _dies(pair, token, reader, question["messageId"])


async def _write_from_both(pair: tuple[ServerProcess, ...], token: str, question: str, alice: str) -> str:
    """The bot writes here, loses its connection, and goes on there; somebody joins between any two pieces."""
    random = Random(7)
    begun = {"roomId": "hall", "clientId": "answer", "replyTo": question}
    sent, moved = pieces(ANSWER, random), len(ANSWER) // 2
    for number, server in enumerate(pair):
        async with ChatClient.connect(server.ws_url, token) as bot:
            await enter(bot, "hall")
            start = await bot.call("message-start", **begun)
            assert (start["offset"] > 0) == (number > 0)
            place = {"roomId": "hall", "messageId": start["messageId"]}
            for offset, text in [piece for piece in sent if number or piece[0] < moved]:
                ack = await bot.call("message-append", **place, offset=offset, text=text)
                assert ack["offset"] >= offset + len(text)
                if random.random() < 0.5:
                    await _joins(random.choice(pair), alice, ANSWER[: ack["offset"]])
            if number:
                _append_by_request(server, token, start["messageId"])
                await bot.call("message-end", **place)
    return str(start["messageId"])


async def _joins(server: ServerProcess, token: str, so_far: str) -> None:
    async with ChatClient.connect(server.ws_url, token) as client:
        await enter(client, "hall")
        await client.expect("message-append", offset=0)
        reader = Reader()
        for frame in client.log:
            reader.take(frame)
        assert reader.text == so_far


def _append_by_request(server: ServerProcess, token: str, message_id: str) -> None:
    body = json.dumps({"offset": 0, "text": ANSWER}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    address = f"{server.url}/api/rooms/hall/streams/{message_id}/append"
    with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as answer:  # noqa: S310 - our own
        assert json.load(answer)["offset"] == len(ANSWER)


async def _dies(pair: tuple[ServerProcess, ...], token: str, reader: ChatClient, question: str) -> None:
    """The process of the bot is killed: the other one ends the message with what was acknowledged."""
    here, _ = pair
    async with ChatClient.connect(here.ws_url, token) as bot:
        await enter(bot, "hall")
        start = await bot.call("message-start", roomId="hall", replyTo=question)
        place = {"roomId": "hall", "messageId": start["messageId"]}
        await bot.call("message-append", **place, offset=0, text="half a ")
        await asyncio.to_thread(here.kill)
    end = await reader.expect("message-edited", messageId=start["messageId"])
    assert (end["content"], end["interrupted"]) == ("half a ", True)
