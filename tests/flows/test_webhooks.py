"""Webhooks of real servers: what comes in is in the room, and no secret is in any log."""

import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple

import pytest

from rooms.callers import Actor
from rooms.models import Membership
from rooms.services import incoming_webhooks
from tests.support.client import ChatClient
from tests.support.factories import make_room, make_user


class Made(NamedTuple):
    id: int
    secret: str
    room: str
    bot: str


def _make() -> Made:
    room, owner = make_room(), make_user()
    Membership.objects.create(room=room, user=owner, role="owner")
    webhook, secret = incoming_webhooks.create(actor=Actor(owner.pk), name=room.name, title=f"hook-{room.pk}")
    return Made(webhook.pk, secret, room.name, webhook.name)


def _call(url: str, body: bytes = b'{"content": "built"}', **headers: str) -> tuple[int, Any]:
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(asked) as answer:  # noqa: S310 - the same
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_what_is_sent_to_a_webhook_is_in_the_room(server: Any, alice: Any) -> None:
    webhook = server.database.run(_make)
    secret = webhook.secret
    async with ChatClient.connect(server.ws_url, alice.token) as listener:
        await listener.call("join-room", roomId=webhook.room)
        for url, headers in (
            (f"{server.url}/api/hooks/{webhook.id}", {"Authorization": f"Bearer {secret}"}),
            (f"{server.url}/api/hooks/{webhook.id}/{secret}/", {}),
            (f"{server.url}/api/hooks/{webhook.id}/{secret}", {}),
        ):
            status, posted = _call(url, **headers)
            message = await listener.expect("chat-message", messageId=posted["messageId"])
            assert (status, message["bot"], message["user"]["username"]) == (201, True, webhook.bot)


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
def test_no_secret_in_a_path_is_in_any_log(make_server: Any, tmp_path: Any, kind: str) -> None:
    """Whatever becomes of the request: at the level DEBUG, on the console and in the files."""
    logs = tmp_path / "logs"
    server = make_server(kind, LOG_LEVEL="DEBUG", LOG_DIR=logs, CHAT_RATE_WEBHOOKS="1/min burst 3")
    webhook = server.database.run(_make)
    secret = webhook.secret
    path = f"{server.url}/api/hooks/{webhook.id}/{secret}"
    answers = [
        _call(path), _call(f"{path}/"), _call(path, b"{"), _call(path),  # stored, stored, bad, too many
        _call(f"{path}x"), _call(f"{path}/more"), _call(f"{server.url}/api/hooks/999/{secret}"),
        _call(path, Host="elsewhere.example"), _call(f"{path}?secret={secret}", **{"Content-Type": "text/plain"}),
        _call(f"{server.url}/hooks/{webhook.id}/{secret}"),
    ]  # fmt: skip
    assert [status for status, _ in answers] == [201, 201, 400, 429, 401, 404, 401, 400, 429, 404]
    server.terminate()
    written = server.tail(10**7) + "".join(file.read_text() for file in logs.glob("*"))
    assert "sign_in.failed" in written, "it is logged at all"
    assert secret not in written
    assert secret.removeprefix("whk_")[:12] not in written
