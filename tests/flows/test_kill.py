"""kill -9 in the middle of a burst: what was acknowledged is there after the restart, once, and in its place."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

import pytest
from websockets import ConnectionClosed

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.servers import ServerProcess

SENDERS, ROOMS = 4, ["burst-a", "burst-b"]
ENOUGH = 20  # acks of one sender, after which the server is killed


@pytest.mark.parametrize("database", ["sqlite_url", "postgres_url"])
async def test_no_acknowledged_message_is_lost(
    request: pytest.FixtureRequest, make_server: Callable[..., ServerProcess], database: str
) -> None:
    server = make_server("uvicorn", database_url=request.getfixturevalue(database))
    people = [server.person(f"sender-{number}") for number in range(SENDERS)]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(ChatClient.connect(server.ws_url, one.token)) for one in people]
        for client in clients:
            for room in ROOMS:
                await enter(client, room)
        bursts = [asyncio.create_task(_burst(client, number)) for number, client in enumerate(clients)]
        await clients[0].expect("ack", id=f"0-{ENOUGH}", within=20)
        server.kill()
        for client in clients:
            await client.closed()
        sent = await asyncio.gather(*bursts)
    acks = {frame["id"]: frame for client in clients for frame in _acks(client)}
    seen = {frame["messageId"]: frame for client in clients for frame in client.log if frame["type"] == "chat-message"}

    server.start()
    stored = server.database.run(_stored)
    counts = {"sent": sum(sent), "acknowledged": len(acks), "delivered": len(seen), "stored": len(stored)}
    print(f"\n{database}: {counts}")  # noqa: T201 - the numbers are what one wants to see of this test

    assert ENOUGH <= len(acks) < sum(sent), "nothing was under way when the server was killed"
    assert max(Counter(client_id for _, _, client_id, _ in stored).values()) == 1
    for room in ROOMS:
        assert [seq for name, seq, _, _ in stored if name == room] == list(range(1, _last_seq(server, room) + 1))
    places = {client_id: (room, seq) for room, seq, client_id, _ in stored}
    assert {name: (ack["roomId"], ack["seq"]) for name, ack in acks.items()}.items() <= places.items()
    contents = {(room, seq): content for room, seq, _, content in stored}
    assert all(contents[frame["roomId"], frame["seq"]] == frame["content"] for frame in seen.values())
    await _everything_sent_again_is_stored_once(server, people[0].token, sent[0], places)


async def _burst(client: ChatClient, number: int) -> int:
    """Sends until it is cut off; how many messages it sent."""
    count = 0
    with suppress(ConnectionClosed):
        while True:
            await client.socket.send(_message(f"{number}-{count}", ROOMS[count % len(ROOMS)]))
            count += 1
            await asyncio.sleep(0)  # acknowledgements are read meanwhile
    return count


def _message(name: str, room: str) -> str:
    message = {"type": "chat-message", "id": name, "clientId": name, "roomId": room, "content": f"content of {name}"}
    return json.dumps(message)


def _acks(client: ChatClient) -> list[dict[str, object]]:
    return [frame for frame in client.log if frame["type"] == "ack"]


async def _everything_sent_again_is_stored_once(
    server: ServerProcess, token: str, sent: int, places: dict[str, tuple[str, int]]
) -> None:
    """A client that was not answered sends again: what is there already is acknowledged where it is."""
    async with ChatClient.connect(server.ws_url, token) as client:
        for room in ROOMS:
            await enter(client, room)
        for count in range(sent):
            await client.socket.send(_message(f"0-{count}", ROOMS[count % len(ROOMS)]))
        answers = [await client.expect("ack", id=f"0-{count}") for count in range(sent)]
    known = {name: place for name, place in places.items() if name.startswith("0-")}
    assert known.items() <= {answer["id"]: (answer["roomId"], answer["seq"]) for answer in answers}.items()
    assert len(server.database.run(_stored)) == len(places) + sent - len(known)


def _stored() -> list[tuple[str, int, str, str]]:
    from rooms.models import Message

    rows = Message.objects.order_by("room", "seq")
    return list(rows.values_list("room__name", "seq", "client_id", "content"))


def _last_seq(server: ServerProcess, room: str) -> int:
    from rooms.models import Room

    return server.database.run(lambda: Room.objects.get(name=room).last_seq)
