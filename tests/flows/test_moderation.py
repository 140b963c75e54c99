"""Moderation of a running server: who floods is stopped at once, by a ban that somebody else commits."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable

import pytest

from rooms.models import AuditEntry, Membership, Message, Room
from tests.support.client import ChatClient
from tests.support.servers import ServerProcess

NO_RATES = {f"CHAT_RATE_{name}": "0" for name in ("MESSAGES", "ROOM_MESSAGES", "FRAMES", "VIOLATIONS")}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_nothing_of_a_flood_is_stored_after_the_ban(
    kind: str, make_server: Callable[..., ServerProcess], request: pytest.FixtureRequest
) -> None:
    server = make_server("uvicorn", database_url=request.getfixturevalue(f"{kind}_url"), **NO_RATES)
    owner, flooder = server.person("olga"), server.person("flo")
    async with (
        ChatClient.connect(server.ws_url, owner.token) as moderator,
        ChatClient.connect(server.ws_url, flooder.token) as flood,
    ):
        await moderator.call("create-room", roomId="hall")
        for client in (moderator, flood):
            await client.call("join-room", roomId="hall")
        flooding = asyncio.create_task(_flood(flood))
        await moderator.expect("chat-message", content="50")
        await moderator.call("moderate", roomId="hall", username="flo", action="ban", reason="flood")
        stored = server.database.run(_stored)
        await flood.expect("room-left", roomId="hall")
        flooding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flooding
        await moderator.call("chat-message", roomId="hall", content="after")
    assert server.database.run(_stored) == stored, "what is stored when the ban is acknowledged is all there is"
    assert server.database.run(lambda: Room.objects.get(name="hall").last_seq) == stored + 1
    assert server.database.run(lambda: AuditEntry.objects.get(action="ban").reason) == "flood"
    assert server.database.run(lambda: Membership.objects.get(user_id=flooder.id).banned_until) is not None


async def _flood(client: ChatClient) -> None:
    """Twenty at a time, without waiting for one to be stored before the next."""
    for start in itertools.count(step=20):
        for number in range(start, start + 19):
            await client.send("chat-message", roomId="hall", content=f"{number}")
        await client.call("chat-message", roomId="hall", content=f"{start + 19}")


def _stored() -> int:
    return Message.objects.filter(author__username="flo").count()
