"""Who is there, over several processes: people, not sockets, and nobody appears to go who does not."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess

Processes = Callable[..., list[ServerProcess]]
LEASE_S = 2


def _told(client: ChatClient, *kinds: str) -> list[tuple[str, str]]:
    """The comings and goings a client was told of."""
    told = [frame for frame in client.log if frame["type"] in kinds or not kinds]
    return [(frame["type"], frame["user"]["username"]) for frame in told]


async def _counted(client: ChatClient, room: str) -> int:
    rooms = (await client.call("get-rooms"))["rooms"]
    return next(found["memberCount"] for found in rooms if found["id"] == room)


async def test_the_first_socket_comes_and_the_last_one_goes(processes: Processes, record: Callable[..., None]) -> None:
    """A reload tells nobody: Carol, who closes after Bob and does not come back, is told of first and only."""
    here, there = processes(2)
    alice, bob, carol = (here.person(name) for name in ("alice", "bob", "carol"))
    async with ChatClient.connect(here.ws_url, alice.token) as witness, AsyncExitStack() as stack:
        await enter(witness, "hall")
        first = await stack.enter_async_context(ChatClient.connect(here.ws_url, bob.token))
        await enter(first, "hall")
        await witness.expect("user-joined")
        second = await stack.enter_async_context(ChatClient.connect(there.ws_url, bob.token))
        await enter(second, "hall")
        assert await _counted(witness, "hall") == 2
        await first.socket.close()
        await second.socket.close()  # the last one: Bob reloads his page, and is served by the other process
        again = await stack.enter_async_context(ChatClient.connect(here.ws_url, bob.token))
        await enter(again, "hall")
        third = await stack.enter_async_context(ChatClient.connect(there.ws_url, carol.token))
        await enter(third, "hall")
        await third.socket.close()
        await witness.expect("user-left", user={"id": str(carol.id), "username": "carol"})
        assert _told(witness, "user-joined", "user-left") == [
            ("user-joined", "bob"), ("user-joined", "carol"), ("user-left", "carol"),
        ]  # fmt: skip
        await again.socket.close()
        await witness.expect("user-left", user={"id": str(bob.id), "username": "bob"})
        assert await _counted(witness, "hall") == 1
    record("a page is reloaded, and served by another process", 2, "no one is notified; the count stays")


async def test_a_killed_process_takes_its_own_people_with_it_and_nobody_else(
    processes: Processes, record: Callable[..., None]
) -> None:
    servers = processes(3, CHAT_PRESENCE_LEASE_S=LEASE_S)
    names = [["anna", "ben"], ["cora", "dan"], ["emma", "finn", "both"]]
    async with AsyncExitStack() as stack:
        lines: list[tuple[ServerProcess, Person]] = []
        for server, group in zip(servers, names, strict=True):
            lines += [(server, server.person(name)) for name in group]
        lines.append((servers[0], lines[-1][1]))  # one person is at a process that lives on, too
        clients = []
        for server, person in lines:
            clients.append(await stack.enter_async_context(ChatClient.connect(server.ws_url, person.token)))
            await enter(clients[-1], "hall")
        witnesses = clients[:4]
        assert await _counted(witnesses[0], "hall") == 7
        loop = asyncio.get_running_loop()
        start = loop.time()
        servers[2].kill()
        for witness in witnesses:
            for _ in range(2):
                await witness.expect("user-left", within=start + 2 * LEASE_S + 1 - loop.time())
        took_s = loop.time() - start
        assert [await _counted(witness, "hall") for witness in witnesses] == [5] * 4
        await clients[-1].socket.close()  # what is told later than this has not been told by mistake before
        for witness in witnesses:
            await witness.expect("user-left")
            told = _told(witness, "user-left")
            assert sorted(told[:2]) == [("user-left", "emma"), ("user-left", "finn")]
            assert told[2:] == [("user-left", "both")]
    record("kill -9: presence of its people", 3, f"gone after {took_s:.1f} s with leases of {LEASE_S} s; no one else")
