"""History pruned under a talking room, on both databases: the order holds, and clients that resume miss nothing."""

import asyncio
from collections.abc import Callable

import pytest
from django.core.management import call_command

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.servers import ServerProcess

MESSAGES, KEPT = 600, 50


@pytest.fixture(params=["postgres_url", "sqlite_url"])
def server(request: pytest.FixtureRequest, make_server: Callable[..., ServerProcess]) -> ServerProcess:
    return make_server("uvicorn", database_url=request.getfixturevalue(request.param))


@pytest.fixture(autouse=True)
def _small(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHAT_HISTORY_LIMIT = KEPT
    monkeypatch.setattr("rooms.services.retention.ROWS", 20)


def _stored() -> tuple[list[int], int, int]:
    from rooms.models import Message, Room

    room = Room.objects.get()
    return list(Message.objects.order_by("seq").values_list("seq", flat=True)), room.last_seq, room.pruned_seq


async def test_pruning_beside_a_writer_loses_and_refuses_nothing_of_what_is_newer(server: ServerProcess) -> None:
    def prune() -> None:
        server.database.run(call_command, "prune_history", pause_ms=1, verbosity=0, skip_checks=True)

    async def say(client: ChatClient) -> list[int]:
        sent = [client.call("chat-message", roomId="lobby", content=f"{n}", within=30) for n in range(MESSAGES)]
        return [answer["seq"] for answer in await asyncio.gather(*sent)]

    alice, bob = server.person("alice"), server.person("bob")
    async with (
        ChatClient.connect(server.ws_url, alice.token) as a,
        ChatClient.connect(server.ws_url, bob.token) as b,
    ):
        await enter(a, "lobby")
        await enter(b, "lobby")
        talk = asyncio.create_task(say(a))
        while not talk.done():
            await asyncio.to_thread(prune)
        assert await talk == list(range(1, MESSAGES + 1))
        await b.expect("chat-message", seq=MESSAGES)
        assert [frame["seq"] for frame in b.log if frame["type"] == "chat-message"] == list(range(1, MESSAGES + 1))

        await asyncio.to_thread(prune)
        assert server.database.run(_stored) == (
            list(range(MESSAGES - KEPT + 1, MESSAGES + 1)),
            MESSAGES,
            MESSAGES - KEPT,
        )
        behind = await b.call("join-room", roomId="lobby", after=MESSAGES - KEPT - 1)
        near = await b.call("join-room", roomId="lobby", after=MESSAGES - KEPT)
    assert (behind["recovered"], near["recovered"]) == (False, True)
