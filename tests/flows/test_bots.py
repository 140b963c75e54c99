"""A bot over real sockets and requests: what its token opens, and that it ends at once when the token does."""

import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple

from rooms.callers import CODE
from rooms.models import Bot, BotToken, Membership, Room
from rooms.services import bots
from tests.support.client import ChatClient
from tests.support.factories import make_room
from tests.support.servers import ServerProcess


class Made(NamedTuple):
    """A bot of two rooms, and two tokens for the first of them."""

    bot: Bot
    inside: str
    outside: str
    tokens: list[str]


def _make() -> Made:
    inside, outside = make_room(), make_room()
    bot = bots.create(actor=CODE, name=f"bot-{inside.pk}")
    for room in (inside, outside):
        Membership.objects.create(room=room, user=bot.user)
    tokens = [bots.issue(actor=CODE, bot=bot, rooms=[inside]).text for _ in range(2)]
    return Made(bot, inside.name, outside.name, tokens)


def _revoke(text: str) -> None:
    [token] = [one for one in BotToken.objects.all() if text.startswith(one.beginning)]
    bots.revoke(actor=CODE, token=token)


def _move(bot: Bot, name: str) -> None:
    for token in bot.tokens.all():
        bots.set_rooms(actor=CODE, token=token, rooms=[Room.objects.get(name=name)])


def _stop(bot: Bot) -> None:
    bots.set_active(actor=CODE, bot=bot, on=False)


def _ask(server: ServerProcess, path: str, token: str, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{server.url}{path}", data, headers)) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


async def test_a_bot_is_served_in_the_rooms_of_its_token(uvicorn_server: ServerProcess) -> None:
    made = uvicorn_server.database.run(_make)
    token = made.tokens[0]
    async with ChatClient.connect(uvicorn_server.ws_url, token) as bot:
        listed = await bot.call("get-rooms")
        assert [room["id"] for room in listed["rooms"]] == [made.inside]
        assert (await bot.call("join-room", roomId=made.inside))["type"] == "room-joined"
        for command in ("join-room", "get-history", "get-members", "follow-room"):
            assert (await bot.call(command, roomId=made.outside))["code"] == "no-such-room"
        assert (await bot.call("chat", message="all"))["code"] == "forbidden"
        ack = await bot.call("chat-message", roomId=made.inside, content="deployed")
        assert (await bot.expect("chat-message", messageId=ack["messageId"]))["bot"] is True
        status, message = _ask(uvicorn_server, f"/api/rooms/{made.inside}/messages/", token, {"content": "/deploy now"})
        assert (status, message["content"]) == (201, "/deploy now")
        ack = await bot.call("chat-message", roomId=made.inside, content="/deploy now")
        shown = await bot.expect("chat-message", messageId=ack["messageId"])
        assert (shown["content"], shown.get("kind")) == ("/deploy now", None)
        uvicorn_server.database.run(_move, made.bot, made.outside)
        await bot.expect("room-left", roomId=made.inside)
        assert (await bot.call("join-room", roomId=made.outside))["type"] == "room-joined"


async def test_a_token_that_is_revoked_closes_its_sockets_and_no_others(uvicorn_server: ServerProcess) -> None:
    made = uvicorn_server.database.run(_make)
    revoked, kept = made.tokens
    async with (
        ChatClient.connect(uvicorn_server.ws_url, revoked) as first,
        ChatClient.connect(uvicorn_server.ws_url, kept) as second,
    ):
        uvicorn_server.database.run(_revoke, revoked)
        assert await first.closed() == (4101, "Signed out")
        assert (await second.call("join-room", roomId=made.inside))["type"] == "room-joined"
        uvicorn_server.database.run(_stop, made.bot)
        assert await second.closed() == (4101, "Signed out")


async def test_requests_with_a_token_know_its_rooms_only(uvicorn_server: ServerProcess) -> None:
    made = uvicorn_server.database.run(_make)
    token, other = made.tokens
    status, listed = _ask(uvicorn_server, "/api/rooms", token)
    assert (status, [room["id"] for room in listed["rooms"]]) == (200, [made.inside])
    assert _ask(uvicorn_server, f"/api/rooms/{made.inside}/messages", token, {"content": "hi"})[0] == 201
    assert _ask(uvicorn_server, f"/api/rooms/{made.inside}/messages", token)[0] == 200
    for body in ({"content": "hi"}, None):
        assert _ask(uvicorn_server, f"/api/rooms/{made.outside}/messages", token, body)[0] == 404
    uvicorn_server.database.run(_revoke, token)
    assert _ask(uvicorn_server, "/api/rooms", token)[0] == 401
    assert _ask(uvicorn_server, "/api/rooms", other)[0] == 200
