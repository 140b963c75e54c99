"""Mentions over real sockets, in two processes."""

from collections.abc import Callable
from typing import Any

from tests.flows.test_reading import make_hall
from tests.support.client import ChatClient
from tests.support.servers import ServerProcess


async def test_who_is_mentioned_learns_of_it_in_another_process(
    make_server: Callable[..., ServerProcess], postgres_url: str, redis: Any
) -> None:
    here, there = (make_server("uvicorn", database_url=postgres_url, REDIS_URL=redis.url) for _ in range(2))
    alice, bob, carol = here.person("alice"), here.person("bob"), here.person("carol")
    make_hall(here, alice, bob, carol)
    async with (
        ChatClient.connect(here.ws_url, alice.token) as writer,
        ChatClient.connect(there.ws_url, bob.token) as inside,
        ChatClient.connect(there.ws_url, bob.token) as outside,
        ChatClient.connect(here.ws_url, carol.token) as other,
    ):
        for client in (writer, inside):
            await client.call("join-room", roomId="hall")
        sent = await writer.call("chat-message", roomId="hall", content="hi @bob")
        message = await inside.expect("chat-message", roomId="hall")
        named = [{"id": str(bob.id), "username": "bob"}]
        assert message["mentions"] == named
        notice = await outside.expect("mention")
        assert (notice["why"], notice["message"]) == ("mention", message)
        answer = {"roomId": "hall", "messageId": sent["messageId"]}
        await writer.call("edit-message", **answer, content="hi @bob and @carol")
        notice = await other.expect("mention")
        assert [user["username"] for user in notice["message"]["mentions"]] == ["bob", "carol"]
        edited = await inside.expect("message-edited")
        assert edited["mentions"] == notice["message"]["mentions"]
        await outside.call("ping")
        await inside.call("ping")
        assert not [frame for client in (inside, outside) for frame in client.waiting if frame["type"] == "mention"]
        missed = await outside.call("get-missed")
        assert [one["message"]["content"] for one in missed["mentions"]] == ["hi @bob and @carol"]
        assert [(room["unread"], room["mentions"]) for room in missed["rooms"]] == [(1, 1)]
        await outside.call("mark-read", roomId="hall", seq=sent["seq"])
        missed = await inside.call("get-missed")
        assert (missed["mentions"], missed["rooms"]) == ([], [])
