"""REST and socket serve one room: the same messages, in the same shape, with the same numbers."""

import asyncio
import json
import urllib.error
import urllib.request
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

from tests.flows.frames import TIME, enter, message, user
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess


async def _rest(server: ServerProcess, person: Person, path: str, body: Any = None) -> tuple[int, Any]:
    """GETs, or POSTs a body, as this person; status and JSON."""

    def ask() -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{server.url}/api{path}", data, headers)  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own address
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    return await asyncio.to_thread(ask)


async def test_signing_in_over_rest_opens_the_socket(server: ServerProcess, alice: Person) -> None:
    status, answer = await _rest(server, alice, "/auth", {"username": alice.username, "password": alice.password})
    async with ChatClient.connect(server.ws_url, answer["token"]) as client:
        assert client.log[1]["user"] == answer["user"] == {**user(alice), "roles": ["user"]}
    assert status == 200


async def test_a_message_of_a_socket_is_read_over_rest(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        await client.send("chat-message", roomId=room, content="你好 <b>")
        await client.send("room-message", roomId=room, content="by the older name", clientId="c1")
        events = [await client.expect("chat-message"), await client.expect("room-message")]
        assert await _rest(server, bob, f"/rooms/{room}/messages") == (200, {"messages": events})
        assert await _rest(server, bob, f"/rooms/{room}/messages?after=1") == (200, {"messages": events[1:]})
        assert await enter(client, room) == events


async def test_a_message_posted_over_rest_reaches_sockets(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        await client.call("chat-message", roomId=room, content="first")
        posted = await _rest(server, bob, f"/rooms/{room}/messages", {"content": "second", "clientId": "mine"})
        event = await client.expect("chat-message", content="second")
        again = await _rest(server, bob, f"/rooms/{room}/messages", {"content": "second", "clientId": "mine"})
        other, refusal = await _rest(server, bob, f"/rooms/{room}/messages", {"content": "again", "clientId": "mine"})
        await client.call("chat-message", roomId=room, content="third")
        page = await client.call("get-history", roomId=room)
    assert event == message(bob, room, "second", 2, clientId="mine")
    assert posted == (201, event)
    assert again == (200, event)
    assert (other, refusal["code"]) == (409, "conflict")
    assert [(one["content"], one["seq"]) for one in page["messages"]] == [("first", 1), ("second", 2), ("third", 3)]


async def test_both_show_the_same_presence(server: ServerProcess, alice: Person, bob: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await client.call("create-room", roomId=room)
        _, before = await _rest(server, bob, f"/rooms/{room}")
        await enter(client, room)
        _, inside = await _rest(server, bob, f"/rooms/{room}")
        _, online = await _rest(server, bob, "/online")
        answer = await client.call("get-online-users")
    assert (before["id"], before["memberCount"], inside["memberCount"]) == (room, 0, 1)
    assert online["users"] == answer["users"]
    assert {**user(alice), "authenticatedAt": TIME} in online["users"]


async def test_a_room_made_over_rest_exists_for_sockets_and_the_other_way_round(
    server: ServerProcess, alice: Person, room: str
) -> None:
    name = f"{room}-会议"
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        assert (await _rest(server, alice, "/rooms", {"name": name}))[0] == 201
        assert (await client.call("create-room", roomId=name))["success"] is False
        await client.call("create-room", roomId=room)
        assert (await _rest(server, alice, "/rooms", {"name": room}))[0] == 200
        assert (await _rest(server, alice, f"/rooms/{quote(name)}"))[1]["id"] == name


async def test_both_refuse_the_same_things_by_the_same_codes(server: ServerProcess, alice: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        for content in ("", " ", "a\0b", "x" * 4001):
            refusal = await client.call("chat-message", roomId=room, content=content)
            _, answer = await _rest(server, alice, f"/rooms/{room}/messages", {"content": content})
            assert (answer["code"], answer["error"]) == (refusal["code"], refusal["message"])
        refusal = await client.call("get-history", roomId="no-such-room")
        status, answer = await _rest(server, alice, "/rooms/no-such-room/messages")
        assert (status, answer["code"], refusal["code"]) == (404, "no-such-room", "no-such-room")


async def test_a_client_id_is_the_same_over_rest_and_over_the_socket(
    server: ServerProcess, alice: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        ack = await client.call("chat-message", roomId=room, content="once", clientId="mine")
        status, answer = await _rest(server, alice, f"/rooms/{room}/messages", {"content": "once", "clientId": "mine"})
        assert (status, answer["messageId"]) == (200, ack["messageId"])
        refusal = await client.call("chat-message", roomId=room, content="another", clientId="mine")
        assert (refusal["type"], refusal["code"]) == ("error", "conflict")


async def test_a_request_with_a_token_may_come_percent_encoded_and_in_chunks(
    server: ServerProcess, alice: Person, room: str
) -> None:
    """As servers hand it on: the name decoded, the body piece by piece."""
    name = f"{room}-会议"

    def post_in_chunks() -> tuple[int, Any]:
        with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=5)) as connection:
            headers = {"Authorization": f"Bearer {alice.token}", "Content-Type": "application/json"}
            pieces = iter([b'{"content": "', "你好".encode(), b'"}'])
            connection.request("POST", f"/api/rooms/{quote(name)}/messages/", pieces, headers, encode_chunked=True)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    await _rest(server, alice, "/rooms", {"name": name})
    status, posted = await asyncio.to_thread(post_in_chunks)
    assert (status, posted["roomId"], posted["content"]) == (201, name, "你好")
    assert await _rest(server, alice, f"/rooms/{quote(name)}/messages") == (200, {"messages": [posted]})
