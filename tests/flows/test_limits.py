"""Limits over real sockets: a client over one is refused or cut off, and nobody else notices."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from tests.flows.frames import enter
from tests.flows.line import joined_line
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_one_connection_too_many_is_refused_and_closed(
    make_server: Callable[..., ServerProcess], kind: str
) -> None:
    server = make_server(kind, CHAT_MAX_CONNECTIONS=2)
    alice = server.person("alice")
    async with ChatClient.connect(server.ws_url, alice.token) as first:
        await enter(first, "full")
        async with ChatClient.connect(server.ws_url, alice.token) as second:
            for _ in range(3):
                async with ChatClient.connect(server.ws_url) as third:
                    assert await third.closed() == (1013, "Server overloaded")
                    [error] = third.log
                    assert (error["type"], error["code"], error["retryable"]) == ("error", "unavailable", True)
            await enter(second, "full")
            await second.send("chat-message", roomId="full", content="room for two")
            await first.expect("chat-message", content="room for two")
        async with asyncio.timeout(5):
            while not await _place_is_free(server):
                await first.call("ping")
        await first.nothing("error")


async def _place_is_free(server: ServerProcess) -> bool:
    async with ChatClient.connect(server.ws_url) as client:
        return (await client._take({}, 5))["type"] == "welcome"


async def test_a_connection_can_be_in_a_limited_number_of_rooms(make_server: Callable[..., ServerProcess]) -> None:
    server = make_server("uvicorn", CHAT_MAX_ROOMS_PER_CONNECTION=2)
    async with ChatClient.connect(server.ws_url, server.person("alice").token) as client:
        await enter(client, "one")
        await enter(client, "two")
        refusal = await client.call("join-room", roomId="three")
        assert (refusal["type"], refusal["code"]) == ("error", "forbidden")
        assert "2 rooms" in refusal["message"]
        await enter(client, "two")  # to enter again is no third room
        await client.call("leave-room", roomId="one")
        await enter(client, "three")
        rooms = await client.call("get-rooms")
        assert {one["id"] for one in rooms["rooms"]} == {"two", "three"}


async def test_messages_sent_without_waiting_are_answered_in_order(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    """500 messages in one go, nearly eight times what may be pending: held back by the line, refused to nobody."""
    async with (
        ChatClient.connect(server.ws_url, alice.token) as sender,
        ChatClient.connect(server.ws_url, bob.token) as other,
    ):
        await enter(sender, room)
        for number in range(500):
            await sender.send("chat-message", id=f"{number}", roomId=room, content=f"number {number}")
        await other.call("create-room", roomId=f"{room}-other")  # others are served meanwhile
        await sender.expect("ack", id="499", within=20)
        acks = [(frame["id"], frame["seq"]) for frame in sender.log if frame["type"] == "ack"]
    assert acks == [(f"{number}", number + 1) for number in range(500)]


# --- A reader that does not read --------------------------------------------------------------------------------------
CONTENT = "𝒳" * 4000  # 16 KB
# The system's allocator gives freed blocks back at once, so that the process holds what it uses.
GIVE_BACK = {"MALLOC_ARENA_MAX": 1, "MALLOC_MMAP_THRESHOLD_": 65_536, "MALLOC_TRIM_THRESHOLD_": 65_536}
BEFORE, AFTER = 600, 1200  # messages: 19 MB after the reader has stopped, of which the kernel holds 4 MB for its line


async def test_a_reader_that_stops_is_cut_off_and_costs_nobody_anything(
    make_server: Callable[..., ServerProcess],
) -> None:
    secrets = {"SECRET_KEY": settings.SECRET_KEY, "JWT_SECRET": settings.JWT_SECRET}
    server = make_server("uvicorn", DEBUG=0, CHAT_DATABASE_THREADS=1, **secrets, **GIVE_BACK)  # each thread has a cache
    people = [server.person(name) for name in ("sender", "reader", "stopped")]
    async with (
        ChatClient.connect(server.ws_url, people[0].token) as sender,
        ChatClient.connect(server.ws_url, people[1].token) as reader,
    ):
        await enter(sender, "busy")
        await enter(reader, "busy")
        await _talk(BEFORE, sender, reader)
        async with ChatClient.connect(server.ws_url, people[2].token) as guest:
            await enter(guest, "busy")  # a page of long messages: what that takes for a moment is not the reader's
        before = await _settled_bytes(server, reader)  # with all that the talk itself takes
        with await asyncio.to_thread(joined_line, server, people[2].token, "busy"):
            await reader.expect("user-joined")
            await _talk(AFTER, sender, reader)
            growth = await _settled_bytes(server, reader) - before
            await reader.expect("user-left", within=15)
    seqs = [frame["seq"] for frame in reader.log if frame["type"] == "chat-message"]
    assert seqs == list(range(1, BEFORE + AFTER + 1))
    assert growth < 9_000_000, f"{growth:,} bytes: what waits for one reader is to stay near 1 MiB"


async def _talk(messages: int, sender: ChatClient, reader: ChatClient) -> None:
    text = json.dumps({"type": "chat-message", "roomId": "busy", "content": CONTENT}, ensure_ascii=False)
    for number in range(messages):
        await sender.send_text(text)
        if number % 50 == 49:
            for client in (sender, reader):
                for _ in range(50):
                    await client.expect("chat-message", within=10)


async def _settled_bytes(server: ServerProcess, client: ChatClient) -> int:
    """What the server holds when nothing is under way: the least of some looks, each after a turn of its loop."""
    looks = []
    for _ in range(20):
        await client.call("ping")
        looks.append(_resident_bytes(server))
    return min(looks)


def _resident_bytes(server: ServerProcess) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024
