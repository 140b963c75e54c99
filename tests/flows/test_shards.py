"""Two processes over two Redis servers: nobody can tell, and with one server away the rooms of the other go on."""

import asyncio
from collections.abc import Callable
from itertools import count

import pytest

from rooms.live.topics import of_room
from rooms.redis_hosts import Ring
from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.factories import make_room
from tests.support.servers import ServerProcess
from tests.support.services import Redis

RING = Ring("chat", 2)
LEASE_S = 2


@pytest.fixture
def pair(
    make_server: Callable[..., ServerProcess], postgres_url: str, redis: Redis, second_redis: Redis
) -> tuple[ServerProcess, ServerProcess]:
    settings = {
        "database_url": postgres_url,
        "REDIS_URL": f"{redis.url},{second_redis.url}",
        "CHAT_PRESENCE_LEASE_S": LEASE_S,
        "CHAT_LEAVE_DELAY_S": 0,
        "CHAT_HEADS_INTERVAL_S": 1,
    }
    return make_server("uvicorn", **settings), make_server("uvicorn", **settings)


def _rooms(server: ServerProcess) -> list[str]:
    """The names of two rooms, of which each server of Redis has one."""
    made = (server.database.run(make_room, f"room-{number}") for number in count())
    names: dict[int, str] = {}
    while len(names) < RING.size:
        room = next(made)
        names.setdefault(RING.shard(of_room(room.pk)), room.name)
    return [names[number] for number in range(RING.size)]


async def test_one_of_two_redis_servers_is_killed_and_comes_back(
    pair: tuple[ServerProcess, ServerProcess], redis: Redis
) -> None:
    here, there = pair
    lost, kept = _rooms(here)
    alice, bob = here.person("alice"), there.person("bob")
    async with (
        ChatClient.connect(here.ws_url, alice.token) as first,
        ChatClient.connect(there.ws_url, bob.token) as second,
    ):
        for client in (first, second):
            for room in (lost, kept):
                await enter(client, room)
        await _messages_cross(first, second, lost, kept, "with both")
        assert await _counts(second) == {lost: 2, kept: 2}
        redis.kill()
        await _messages_cross(first, second, lost, kept, "with one")
        assert await _counts(second) == {lost: 1, kept: 2}, "of the lost server's rooms a process knows its own people"
        online = (await second.call("get-online-users"))["users"]
        assert [one["username"] for one in online] == ["alice", "bob"], "the other server knows them all"
        redis.start()
        await _until_counted(second, {lost: 2, kept: 2})
        await _messages_cross(first, second, lost, kept, "with both again")


async def _messages_cross(first: ChatClient, second: ChatClient, lost: str, kept: str, text: str) -> None:
    """From one process to the other; while a room's server is away, by the sweep of every second."""
    for room in (lost, kept):
        await first.call("chat-message", roomId=room, content=text)
        await second.expect("chat-message", roomId=room, content=text)


async def _counts(client: ChatClient) -> dict[str, int]:
    rooms = (await client.call("get-rooms"))["rooms"]
    return {room["id"]: room["memberCount"] for room in rooms if room["memberCount"]}


async def _until_counted(client: ChatClient, wanted: dict[str, int]) -> None:
    """Each process writes its share at its next renewal, a third of a lease later; a question takes a round trip."""
    async with asyncio.timeout(20):
        while await _counts(client) != wanted:
            pass
