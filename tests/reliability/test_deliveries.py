"""A process that is killed between the commit of a message and its delivery: another sends it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from django.utils import timezone

from rooms.callers import Actor
from rooms.models import Membership, OutgoingWebhook
from rooms.services import outgoing_webhooks
from rooms.services.outgoing_webhooks import Created
from tests.rooms.test_signatures import by_the_specification
from tests.support.client import ChatClient
from tests.support.factories import make_room
from tests.support.machine import eventually


class Receiver:
    """Takes what it is sent, as headers and body; answers 204."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
            yield self

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
        self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()


def _make(user_id: int, url: str) -> Created:
    room = make_room("lobby")
    Membership.objects.create(room=room, user_id=user_id, role="owner")
    return outgoing_webhooks.create(actor=Actor(user_id), name="lobby", title="receiver", url=url)


def _is_noted() -> bool:
    webhook = OutgoingWebhook.objects.get()
    return webhook.seq == 1 and webhook.leased_until is None


def _lease(hours: int) -> None:
    """As another process would hold it, or one that died a while ago had it."""
    OutgoingWebhook.objects.update(leased_until=timezone.now() + timedelta(hours=hours))


async def test_what_was_committed_is_delivered_after_a_kill(make_server: Any, settings: Any) -> None:
    settings.CHAT_WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    async with Receiver().listening() as receiver:
        server = make_server("uvicorn", CHAT_WEBHOOK_ALLOWED_HOSTS="127.0.0.1", CHAT_HEADS_INTERVAL_S=1)
        alice = server.person("alice")
        created = server.database.run(_make, alice.id, receiver.url)
        async with ChatClient.connect(server.ws_url, alice.token) as client:
            await client.call("join-room", roomId="lobby")
            await client.call("chat-message", roomId="lobby", content="delivered at once")
            await eventually(lambda: server.database.run(_is_noted), what="the first was delivered")
            server.database.run(_lease, 1)
            ack = await client.call("chat-message", roomId="lobby", content="acknowledged, and not sent")
            assert ack["type"] == "ack"
        server.kill()
        server.database.run(_lease, -1)
        server.restart()
        await eventually(lambda: len(receiver.got) == 2, what="the second is there")
    texts = [json.loads(body)["data"]["content"] for _, body in receiver.got]
    assert texts == ["delivered at once", "acknowledged, and not sent"]
    headers, body = receiver.got[1]
    signed = (headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == by_the_specification(created.secret, *signed)
    assert headers["webhook-id"] != receiver.got[0][0]["webhook-id"]
