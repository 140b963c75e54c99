"""The base protocol, spoken as old clients speak it: no `id`, no `accept`. Every frame with all its fields."""

import base64
import gzip
import json
from datetime import datetime
from time import time

import pytest

from tests.flows.frames import EPOCH, TIME, came, enter, left, message, user
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess


# --- Connecting and signing in ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/ws", "/ws/", "/chat", "/chat/"])
async def test_every_path_welcomes_first(server: ServerProcess, path: str) -> None:
    async with ChatClient.connect(server.ws_url.removesuffix("/ws") + path) as client:
        await client.send("ping")
        await client.expect("pong")
    welcome, pong = client.log
    assert welcome == {
        "type": "welcome",
        "message": "Welcome to the chat",
        "timestamp": TIME,
        "serverTime": TIME,
    }
    assert abs(datetime.fromisoformat(welcome["serverTime"]).timestamp() - time()) < 60
    assert pong == {"type": "pong"}


async def test_a_good_token_signs_in(server: ServerProcess, admin: Person) -> None:
    async with ChatClient.connect(server.ws_url) as client:
        await client.send("auth", token=admin.token)
        answer = await client.expect("auth-success")
    assert answer == {"type": "auth-success", "user": {**user(admin), "roles": ["user", "moderator", "admin"]}}
    assert [frame["type"] for frame in client.log] == ["welcome", "auth-success"]


async def test_a_bad_token_is_told_and_closed(server: ServerProcess) -> None:
    async with ChatClient.connect(server.ws_url) as client:
        await client.send("auth", token="not a token")
        failed = await client.expect("auth-failed")
        assert await client.closed() == (1008, "Authentication failed")
    assert failed == {"type": "auth-failed", "message": "Token is not valid"}
    assert [frame["type"] for frame in client.log] == ["welcome", "auth-failed"]


async def test_a_second_token_replaces_the_first_in_place(server: ServerProcess, alice: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        await client.send("auth", token=alice.token)
        await client.expect("auth-success", user={**user(alice), "roles": ["user"]})
        await client.send("chat-message", roomId=room, content="still in the room")
        await client.expect("chat-message", content="still in the room")


async def test_a_second_bad_token_closes_too(server: ServerProcess, alice: Person) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await client.send("auth", token="not a token")
        await client.expect("auth-failed")
        assert await client.closed() == (1008, "Authentication failed")


@pytest.mark.parametrize(
    "command",
    [
        {"type": "create-room", "roomId": "early"},
        {"type": "join-room", "roomId": "early"},
        {"type": "leave-room", "roomId": "early"},
        {"type": "chat-message", "roomId": "early", "content": "x"},
        {"type": "room-message", "roomId": "early", "content": "x"},
        {"type": "chat", "message": "x"},
        {"type": "get-rooms"},
        {"type": "get-history", "roomId": "early"},
        {"type": "get-online-users"},
        {"type": "admin-broadcast", "content": "x"},
        {"type": "compressed", "data": base64.b64encode(gzip.compress(b'{"type":"get-rooms"}')).decode()},
    ],
    ids=lambda command: command["type"],
)
async def test_nothing_is_served_before_signing_in(uvicorn_server: ServerProcess, command: dict[str, str]) -> None:
    async with ChatClient.connect(uvicorn_server.ws_url) as client:
        await client.send_text(json.dumps(command))
        refusal = await client.expect("error")
        await client.call("ping")
    assert refusal == {
        "type": "error",
        "message": "Please authenticate first",
        "code": "auth-required",
        "retryable": False,
    }
    assert [frame["type"] for frame in client.log] == ["welcome", "error", "pong"]


# --- Rooms ------------------------------------------------------------------------------------------------------------
async def test_a_room_is_created_once(server: ServerProcess, alice: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        for success in (True, False):
            await client.send("create-room", roomId=room)
            assert await client.expect("room-created") == {
                "type": "room-created",
                "roomId": room,
                "success": success,
            }


@pytest.mark.parametrize("field", ["roomId", "room"])
async def test_joining_answers_then_shows_the_history(
    server: ServerProcess, alice: Person, room: str, field: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await client.send("join-room", **{field: room})
        await client.expect("message-history")
        await client.send("leave-room", **{field: room})
        await client.expect("room-left")
    assert client.log[2:] == [
        {"type": "room-joined", "roomId": room, "memberCount": 1, "headSeq": 0, "epoch": EPOCH},
        {"type": "message-history", "roomId": room, "messages": []},
        {"type": "room-left", "roomId": room},
    ]


async def test_those_in_a_room_see_who_comes_and_goes(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    async with (
        ChatClient.connect(server.ws_url, alice.token) as first,
        ChatClient.connect(server.ws_url, bob.token) as second,
    ):
        await enter(first, room)
        await enter(second, room)
        assert await first.expect("user-joined") == came(bob, room)
        await second.send("leave-room", roomId=room)
        await second.expect("room-left")
        assert await first.expect("user-left") == left(bob, room)
        await second.nothing("user-joined")
        await second.nothing("user-left")
        await first.nothing("user-joined")


async def test_closing_leaves_every_room(server: ServerProcess, alice: Person, bob: Person, room: str) -> None:
    rooms = [f"{room}-a", f"{room}-b"]
    async with ChatClient.connect(server.ws_url, alice.token) as stays:
        async with ChatClient.connect(server.ws_url, bob.token) as goes:
            for name in rooms:
                await enter(stays, name)
                await enter(goes, name)
        for name in rooms:
            assert await stays.expect("user-left", roomId=name) == left(bob, name)


async def test_two_sockets_of_a_user_are_one_person(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, bob.token) as watcher:
        await enter(watcher, room)
        async with ChatClient.connect(server.ws_url, alice.token) as phone:
            await enter(phone, room)
            async with ChatClient.connect(server.ws_url, alice.token) as laptop:
                await laptop.send("join-room", roomId=room)
                assert (await laptop.expect("room-joined"))["memberCount"] == 2
                await laptop.send("get-online-users")
                online = await laptop.expect("online-users")
            await phone.send("chat-message", roomId=room, content="the laptop is closed")
            await watcher.expect("chat-message")
        assert await watcher.expect("user-left") == left(alice, room)
        await watcher.nothing("user-left")
    assert sum(one["id"] == str(alice.id) for one in online["users"]) == 1
    assert [frame["type"] for frame in watcher.log[4:]] == ["user-joined", "chat-message", "user-left", "pong"]


async def test_online_users_are_told_since_when(server: ServerProcess, alice: Person, bob: Person) -> None:
    async with (
        ChatClient.connect(server.ws_url, alice.token) as client,
        ChatClient.connect(server.ws_url, bob.token),
    ):
        await client.send("get-online-users")
        answer = await client.expect("online-users")
    ours = [one for one in answer["users"] if one["id"] in (str(alice.id), str(bob.id))]
    assert ours == [user(alice) | {"authenticatedAt": TIME}, user(bob) | {"authenticatedAt": TIME}]
    assert answer.keys() == {"type", "users"}


async def test_an_empty_room_stays_only_if_created_or_spoken_in(
    server: ServerProcess, alice: Person, room: str
) -> None:
    created, spoken, silent = f"{room}-created", f"{room}-spoken", f"{room}-silent"
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await client.send("create-room", roomId=created)
        for name in (created, spoken, silent):
            await enter(client, name)
        await client.send("chat-message", roomId=spoken, content="x")
        await client.expect("chat-message")
        assert await _member_counts(client, room) == {created: 1, spoken: 1, silent: 1}
        for name in (created, spoken, silent):
            await client.send("leave-room", roomId=name)
            await client.expect("room-left", roomId=name)
        assert await _member_counts(client, room) == {created: 0, spoken: 0}


async def _member_counts(client: ChatClient, prefix: str) -> dict[str, int]:
    await client.send("get-rooms")
    answer = await client.expect("rooms-list")
    assert answer.keys() == {"type", "rooms"}
    assert all(one.keys() == {"id", "memberCount"} for one in answer["rooms"])
    return {one["id"]: one["memberCount"] for one in answer["rooms"] if one["id"].startswith(f"{prefix}-")}


# --- Messages ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["chat-message", "room-message"])
async def test_a_message_reaches_the_whole_room_and_is_stored(  # noqa: PLR0917 - three people, one room
    server: ServerProcess, alice: Person, bob: Person, carol: Person, room: str, kind: str
) -> None:
    async with (
        ChatClient.connect(server.ws_url, alice.token) as sender,
        ChatClient.connect(server.ws_url, bob.token) as member,
        ChatClient.connect(server.ws_url, carol.token) as outside,
    ):
        await enter(sender, room)
        await enter(member, room)
        await sender.send(kind, roomId=room, content="你好 <b>&amp; 🙂")
        event = message(alice, room, "你好 <b>&amp; 🙂", 1, kind)
        assert await sender.expect(kind) == event
        assert await member.expect(kind) == event
        await outside.nothing(kind)
        await sender.nothing("ack")
        assert await enter(outside, room) == [event]


async def test_who_and_when_a_client_claims_is_not_believed(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        claims = {"user": user(bob), "timestamp": "1999-01-01T00:00:00.000Z", "seq": 77, "messageId": "1"}
        await client.send("chat-message", roomId=room, content="who am I", **claims)
        event = await client.expect("chat-message")
        await client.send("chat", message="and here", **claims)
        spoken = await client.expect("chat", message="and here")
    assert event == message(alice, room, "who am I", 1)
    assert spoken["user"] == user(alice)
    assert not {event["timestamp"], spoken["timestamp"]} & {claims["timestamp"]}


async def test_messages_of_many_come_to_all_in_one_order(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    async with (
        ChatClient.connect(server.ws_url, alice.token) as first,
        ChatClient.connect(server.ws_url, bob.token) as second,
    ):
        await enter(first, room)
        await enter(second, room)
        for number in range(30):
            await first.send("chat-message", roomId=room, content=f"first {number}")
            await second.send("chat-message", roomId=room, content=f"second {number}")
        seen = [[await client.expect("chat-message") for _ in range(60)] for client in (first, second)]
    assert seen[0] == seen[1]
    assert [event["seq"] for event in seen[0]] == list(range(1, 61))
    for name in ("first", "second"):
        own = [event["content"] for event in seen[0] if event["content"].startswith(name)]
        assert own == [f"{name} {number}" for number in range(30)]


async def test_history_is_the_last_fifty_oldest_first(server: ServerProcess, alice: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        for number in range(1, 61):
            await client.send("chat-message", roomId=room, content=f"number {number}")
        await client.expect("chat-message", seq=60)
        joined = await enter(client, room)
        await client.send("get-history", roomId=room)
        default = await client.expect("message-history")
        await client.send("get-history", roomId=room, limit=3)
        three = await client.expect("message-history")
    last_fifty = [message(alice, room, f"number {number}", number) for number in range(11, 61)]
    assert joined == last_fifty
    assert default == {"type": "message-history", "roomId": room, "messages": last_fifty}
    assert three == {"type": "message-history", "roomId": room, "messages": last_fifty[-3:]}


async def test_a_message_needs_its_sender_in_the_room(server: ServerProcess, alice: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await client.send("create-room", roomId=room)
        await client.send("chat-message", roomId=room, content="x")
        assert await client.expect("error") == {
            "type": "error",
            "message": "Join the room first",
            "code": "not-in-room",
            "retryable": False,
        }


# --- Everybody --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("field", ["message", "content"])
async def test_chat_reaches_everybody_who_is_signed_in(
    server: ServerProcess, alice: Person, bob: Person, field: str
) -> None:
    async with (
        ChatClient.connect(server.ws_url, alice.token) as sender,
        ChatClient.connect(server.ws_url, bob.token) as other,
        ChatClient.connect(server.ws_url) as stranger,
    ):
        await stranger.expect("welcome")
        await sender.send("chat", **{field: f"hello by {field}"})
        event = {"type": "chat", "user": user(alice), "message": f"hello by {field}", "timestamp": TIME}
        assert await sender.expect("chat") == event
        assert await other.expect("chat") == event
        await stranger.nothing("chat")


async def test_an_admin_speaks_to_everybody(server: ServerProcess, admin: Person, alice: Person) -> None:
    async with (
        ChatClient.connect(server.ws_url, admin.token) as sender,
        ChatClient.connect(server.ws_url, alice.token) as other,
        ChatClient.connect(server.ws_url) as stranger,
    ):
        await sender.send("admin-broadcast", content="maintenance at noon")
        event = {"type": "admin-message", "content": "maintenance at noon", "from": admin.username}
        assert await sender.expect("admin-message") == event
        assert await other.expect("admin-message") == event
        await stranger.nothing("admin-message")


async def test_others_may_not_broadcast(server: ServerProcess, alice: Person, bob: Person) -> None:
    async with (
        ChatClient.connect(server.ws_url, alice.token) as sender,
        ChatClient.connect(server.ws_url, bob.token) as other,
    ):
        await sender.send("admin-broadcast", content="x")
        assert await sender.expect("error") == {
            "type": "error",
            "message": "Admin permission required",
            "code": "forbidden",
            "retryable": False,
        }
        await other.nothing("admin-message")


# --- Compressed -------------------------------------------------------------------------------------------------------
async def test_a_compressed_frame_is_served_as_the_frame_in_it(server: ServerProcess, alice: Person, room: str) -> None:
    def compressed(**frame: str) -> str:
        return base64.b64encode(gzip.compress(json.dumps(frame).encode())).decode()

    async with ChatClient.connect(server.ws_url) as client:
        await client.send("compressed", data=compressed(type="ping"))
        await client.expect("pong")
        await client.send("compressed", data=compressed(type="auth", token=alice.token))
        await client.expect("auth-success")
        await client.send("compressed", data=compressed(type="join-room", roomId=room))
        await client.expect("message-history")
        await client.send("compressed", data=compressed(type="chat-message", roomId=room, content="packed"))
        assert await client.expect("chat-message") == message(alice, room, "packed", 1)
