"""Reading and typing over real sockets: in two processes, and over the end of one."""

import asyncio
import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from rooms.callers import CODE
from rooms.models import Membership, Room
from rooms.services import room_settings
from rooms.services.changes import edit_message
from tests.support.client import ChatClient
from tests.support.factories import make_room
from tests.support.servers import Person, ServerProcess


def make_hall(server: ServerProcess, *people: Person) -> None:
    def make() -> None:
        room = make_room("hall")
        for person in people:
            Membership.objects.create(room=room, user_id=person.id)

    server.database.run(make)


def change_topic() -> None:
    room_settings.change_room(actor=CODE, room_id=Room.objects.get(name="hall").pk, topic="news")


def unread_by_rest(server: ServerProcess, person: Person) -> Any:
    headers = {"Authorization": f"Bearer {person.token}"}
    request = urllib.request.Request(f"{server.url}/api/unread", headers=headers)  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own address
        return json.load(answer)["rooms"]


@pytest.fixture
def pair(make_server: Callable[..., ServerProcess], postgres_url: str, redis: Any) -> tuple[ServerProcess, ...]:
    return tuple(make_server("uvicorn", database_url=postgres_url, REDIS_URL=redis.url) for _ in range(2))


async def test_what_is_read_typed_and_opened_in_one_process_shows_in_the_other(
    pair: tuple[ServerProcess, ...],
) -> None:
    here, there = pair
    alice, bob = here.person("alice"), here.person("bob")
    make_hall(here, alice, bob)
    async with (
        ChatClient.connect(here.ws_url, alice.token) as near,
        ChatClient.connect(f"{there.ws_url}?accept=rooms", alice.token) as far,
        ChatClient.connect(f"{there.ws_url}?accept=rooms", bob.token) as other,
    ):
        for client in (near, other):
            await client.call("join-room", roomId="hall")
        await other.call("chat-message", roomId="hall", content="hi")
        await near.call("mark-read", roomId="hall", seq=1)
        for client in (far, other):
            marker = await client.expect("read-marker", roomId="hall")
            assert (marker["user"]["username"], marker["seq"], marker["version"]) == ("alice", 1, 0)
        await near.send("typing", roomId="hall")
        assert (await other.expect("typing"))["user"]["username"] == "alice"
        opened = await near.call("open-direct", users=["bob"])
        assert (await other.expect("room-added"))["room"] == opened["room"]
        assert [one["username"] for one in opened["room"]["members"]] == ["alice", "bob"]


async def test_unread_counts_and_marks_outlive_the_process(make_server: Callable[..., ServerProcess]) -> None:
    server = make_server("uvicorn", CHAT_MARKS_INTERVAL_MS=600_000)
    alice, bob = server.person("alice"), server.person("bob")
    make_hall(server, alice, bob)
    async with (
        ChatClient.connect(server.ws_url, alice.token) as reader,
        ChatClient.connect(server.ws_url, bob.token) as writer,
    ):
        for client in (reader, writer):
            await client.call("join-room", roomId="hall")
        sent = [await writer.call("chat-message", roomId="hall", content="hi") for _ in range(3)]
        await reader.call("chat-message", roomId="hall", content="mine")
        for one in sent[:2]:
            server.database.run(edit_message, message_id=int(one["messageId"]), content="changed")
        for emoji in ("👍", "🎉", "😂", "❤️", "👀"):
            await writer.call("react", roomId="hall", messageId=sent[0]["messageId"], emoji=emoji, on=True)
        server.database.run(change_topic)
        await writer.call("delete-message", roomId="hall", messageId=sent[2]["messageId"])
        expected = {"roomId": "hall", "unread": 2, "mentions": 0, "readSeq": 0, "version": 0, "headSeq": 13}
        assert (await reader.call("get-unread"))["rooms"] == [expected]
        assert await asyncio.to_thread(unread_by_rest, server, alice) == [expected]
        await reader.call("mark-read", roomId="hall", seq=0)  # the next one waits ten minutes for others
        await reader.send("mark-read", roomId="hall", seq=1)
        await reader.call("ping")
    assert await asyncio.to_thread(server.terminate, 10) == 0
    await asyncio.to_thread(server.start)
    expected |= {"unread": 1, "readSeq": 1}
    assert await asyncio.to_thread(unread_by_rest, server, alice) == [expected]
    async with ChatClient.connect(server.ws_url, alice.token) as reader:
        assert (await reader.call("get-unread"))["rooms"] == [expected]
