"""Two processes, one chat: with Redis and one database nobody can tell who is connected where."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.flows.frames import TIME, came, enter, left, message, user
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess

LEASE_S = 2  # how long the people of a killed process still count


@pytest.fixture
def pair(make_server: Callable[..., ServerProcess], postgres_url: str, redis: Any) -> tuple[ServerProcess, ...]:
    settings = {
        "database_url": postgres_url,
        "REDIS_URL": redis.url,
        "CHAT_PRESENCE_LEASE_S": LEASE_S,
        "CHAT_LEAVE_DELAY_S": 0,
    }
    return tuple(make_server("uvicorn", **settings) for _ in range(2))


async def test_two_processes_are_one_chat(pair: tuple[ServerProcess, ...]) -> None:
    here, there = pair
    alice, bob = here.person("alice"), there.person("bob")
    admin = here.person("admin", is_staff=True, is_superuser=True)
    async with (
        ChatClient.connect(here.ws_url, alice.token) as first,
        ChatClient.connect(there.ws_url, bob.token) as second,
        ChatClient.connect(there.ws_url, admin.token) as third,
    ):
        await _people_are_counted_over_both(first, second, alice, bob)
        await _everything_crosses(first, second, third, (alice, bob, admin))
        await _one_person_on_both_is_one(pair, alice, second)


async def _people_are_counted_over_both(first: ChatClient, second: ChatClient, alice: Person, bob: Person) -> None:
    await enter(first, "hall")
    assert (await second.call("join-room", roomId="hall"))["memberCount"] == 2
    assert await first.expect("user-joined") == came(bob, "hall")
    for client in (first, second):
        rooms = await client.call("get-rooms")
        assert rooms["rooms"] == [{"id": "hall", "memberCount": 2}]
        online = await client.call("get-online-users")
        assert [one for one in online["users"] if one["username"] != "admin"] == [
            user(alice) | {"authenticatedAt": TIME},
            user(bob) | {"authenticatedAt": TIME},
        ]


async def _everything_crosses(
    first: ChatClient, second: ChatClient, third: ChatClient, people: tuple[Person, ...]
) -> None:
    alice, bob, admin = people
    await first.send("chat-message", roomId="hall", content="over there")
    assert await second.expect("chat-message") == message(alice, "hall", "over there", 1)
    await second.send("chat", message="to all")
    assert await first.expect("chat") == {"type": "chat", "user": user(bob), "message": "to all", "timestamp": TIME}
    await third.send("admin-broadcast", content="hear")
    for client in (first, second, third):
        assert await client.expect("admin-message") == {
            "type": "admin-message", "content": "hear", "from": admin.username,
        }  # fmt: skip
    await second.send("leave-room", roomId="hall")
    assert await first.expect("user-left") == left(bob, "hall")
    await enter(second, "hall")


async def _one_person_on_both_is_one(pair: tuple[ServerProcess, ...], alice: Person, second: ChatClient) -> None:
    async with ChatClient.connect(pair[1].ws_url, alice.token) as again:
        assert (await again.call("join-room", roomId="hall"))["memberCount"] == 2
        online = await again.call("get-online-users")
        assert sum(one["id"] == str(alice.id) for one in online["users"]) == 1
    await second.nothing("user-left")


async def test_everybody_sees_one_order(pair: tuple[ServerProcess, ...]) -> None:
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(4):
            server = pair[number % 2]
            token = server.person(f"sender-{number}").token
            clients.append(await stack.enter_async_context(ChatClient.connect(server.ws_url, token)))
            await enter(clients[-1], "busy")
        await asyncio.gather(*(_send(client, number) for number, client in enumerate(clients)))
        seen = [[await client.expect("chat-message", within=15) for _ in range(400)] for client in clients]
    assert [event["seq"] for event in seen[0]] == list(range(1, 401))
    assert all(one == seen[0] for one in seen)


async def _send(client: ChatClient, number: int) -> None:
    for count in range(100):
        await client.send("chat-message", roomId="busy", content=f"{number}-{count}")


async def test_the_people_of_a_killed_process_are_gone(pair: tuple[ServerProcess, ...]) -> None:
    here, there = pair
    alice, bob = here.person("alice"), there.person("bob")
    async with ChatClient.connect(here.ws_url, alice.token) as stays:
        async with ChatClient.connect(there.ws_url, bob.token) as goes:
            await enter(stays, "hall")
            await enter(goes, "hall")
            there.kill()
            await goes.closed()
            assert await stays.expect("user-left", within=3 * LEASE_S) == left(bob, "hall")
            assert (await stays.call("get-rooms"))["rooms"] == [{"id": "hall", "memberCount": 1}]
            assert [one["id"] for one in (await stays.call("get-online-users"))["users"]] == [str(alice.id)]
        there.start()
        async with ChatClient.connect(there.ws_url, bob.token) as back:
            assert (await back.call("join-room", roomId="hall"))["memberCount"] == 2
            await back.send("chat-message", roomId="hall", content="here again")
            await stays.expect("chat-message", content="here again")


async def test_workers_of_one_server_are_one_chat(
    make_server: Callable[..., ServerProcess], postgres_url: str, redis: Any
) -> None:
    server = make_server("uvicorn", database_url=postgres_url, REDIS_URL=redis.url, WORKERS=2, CHAT_DRAIN_S=1)
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(8):
            token = server.person(f"person-{number}").token
            clients.append(await stack.enter_async_context(ChatClient.connect(server.ws_url, token)))
            joined = await clients[-1].call("join-room", roomId="hall")
            assert joined["memberCount"] == number + 1
        await clients[0].send("chat-message", roomId="hall", content="to every worker")
        for client in clients:
            await client.expect("chat-message", content="to every worker")
        status = asyncio.create_task(asyncio.to_thread(server.terminate, 10))
        assert [await client.closed() for client in clients] == [(1001, "Server shutdown")] * 8
        assert await status == 0
