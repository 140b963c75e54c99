"""Ids, acks and order: each command is answered once, and a message's ack says that it is stored, and where."""

import asyncio
import base64
import gzip
import json
from typing import Any

import pytest

from tests.flows.frames import NUMBER, TIME, enter, message
from tests.support.client import ChatClient, Frame
from tests.support.servers import Person, ServerProcess


def _stored(server: ServerProcess, room: str) -> list[tuple[int, str]]:
    """What the database holds of a room, past the server: its seqs and contents, in order."""

    def rows() -> list[tuple[int, str]]:
        from rooms.models import Message

        return list(Message.objects.filter(room__name=room).order_by("seq").values_list("seq", "content"))

    return server.database.run(rows)


# --- One answer for each id -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ({"type": "ping"}, "pong"),
        ({"type": "create-room", "roomId": "acks-created"}, "room-created"),
        ({"type": "join-room", "roomId": "acks-joined"}, "room-joined"),
        ({"type": "leave-room", "roomId": "acks"}, "room-left"),
        ({"type": "leave-room", "roomId": "acks-never-joined"}, "error"),
        ({"type": "chat-message", "roomId": "acks", "content": "x"}, "ack"),
        ({"type": "room-message", "roomId": "acks", "content": "x"}, "ack"),
        ({"type": "chat-message", "roomId": "acks", "content": ""}, "error"),
        ({"type": "chat", "message": "x"}, "ack"),
        ({"type": "get-rooms"}, "rooms-list"),
        ({"type": "get-history", "roomId": "acks"}, "message-history"),
        ({"type": "get-history", "roomId": "acks-no-such-room"}, "error"),
        ({"type": "get-online-users"}, "online-users"),
        ({"type": "admin-broadcast", "content": "x"}, "ack"),
        ({"type": "no-such-command"}, "error"),
        ({"type": "chat-message", "roomId": 7}, "error"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_an_id_is_answered_exactly_once(
    server: ServerProcess, admin: Person, command: dict[str, Any], answer: str
) -> None:
    async with ChatClient.connect(server.ws_url, admin.token) as client:
        await client.call("join-room", roomId="acks")
        await client.send_text(json.dumps({**command, "id": "the one"}))
        await client.expect(answer, id="the one")
        await client.call("ping")
        assert [frame["type"] for frame in client.log if frame.get("id") == "the one"] == [answer]


async def test_signing_in_answers_with_its_id(server: ServerProcess, alice: Person) -> None:
    async with ChatClient.connect(server.ws_url) as client:
        assert (await client.call("auth", id="first", token=alice.token))["type"] == "auth-success"
        assert (await client.call("auth", id="last", token="not a token"))["type"] == "auth-failed"
        await client.closed()
        assert sum("id" in frame for frame in client.log) == 2


@pytest.mark.parametrize("outer", [{}, {"id": "outside"}])
async def test_the_id_in_a_compressed_frame_counts(uvicorn_server: ServerProcess, outer: dict[str, str]) -> None:
    data = base64.b64encode(gzip.compress(b'{"type": "ping", "id": "inside"}')).decode()
    async with ChatClient.connect(uvicorn_server.ws_url) as client:
        await client.send("compressed", data=data, **outer)
        assert await client.expect("pong") == {"type": "pong", "id": "inside"}
        await client.send("compressed", data="broken", id="outside")
        assert (await client.expect("error", id="outside"))["code"] == "bad-frame"


@pytest.mark.parametrize("wrong", ["", "x" * 65, 7, None, ["x"]], ids=repr)
async def test_an_id_outside_its_rule_is_refused_and_not_repeated(uvicorn_server: ServerProcess, wrong: object) -> None:
    async with ChatClient.connect(uvicorn_server.ws_url) as client:
        await client.send("ping", id=wrong)
        if wrong is None:  # JSON's null is the same as none
            assert await client.expect("pong") == {"type": "pong"}
        else:
            refusal = await client.expect("error", code="bad-frame")
            assert "id" not in refusal


# --- Acks of messages -------------------------------------------------------------------------------------------------
async def test_an_ack_says_where_the_message_is_stored(server: ServerProcess, alice: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        ack = await client.call("chat-message", id="m1", clientId="c1", roomId=room, content="hello")
        event = await client.expect("chat-message")
    assert ack == {"type": "ack", "id": "m1", "roomId": room, "seq": 1, "messageId": NUMBER, "timestamp": TIME}
    assert event == message(alice, room, "hello", 1, clientId="c1")
    assert (ack["messageId"], ack["timestamp"]) == (event["messageId"], event["timestamp"])


async def test_what_is_acknowledged_is_committed(server: ServerProcess, alice: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        for number in range(1, 21):
            await client.call("chat-message", roomId=room, content=f"number {number}")
            assert _stored(server, room)[-1] == (number, f"number {number}")


async def test_nothing_is_acknowledged_that_cannot_be_committed(
    server: ServerProcess, alice: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        with _locked(server):
            await client.send("chat-message", id="waits", roomId=room, content="waits")
            await client.nothing("ack")
            await client.nothing("chat-message")
            assert _stored(server, room) == []
        assert (await client.expect("ack", id="waits"))["seq"] == 1
        await client.expect("chat-message", content="waits")


def _locked(server: ServerProcess) -> Any:
    """While it is held nobody else can write to the server's database."""
    import sqlite3
    from contextlib import contextmanager

    @contextmanager
    def held() -> Any:
        connection = sqlite3.connect(server.database.url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.rollback()
            connection.close()

    return held()


async def test_seqs_have_no_holes_over_many_writers(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    async with (
        ChatClient.connect(server.ws_url, alice.token) as first,
        ChatClient.connect(server.ws_url, bob.token) as second,
    ):
        await enter(first, room)
        await enter(second, room)
        for number in range(40):
            for client in (first, second):
                good = number % 4 != 3
                await client.send("chat-message", id=f"{number}", roomId=room, content=f"{number}" if good else " ")
        answers = [await client._take({"id": f"{number}"}, 5) for client in (first, second) for number in range(40)]
    acks = [frame for frame in answers if frame["type"] == "ack"]
    assert len(acks) == 60
    assert sorted(frame["seq"] for frame in acks) == list(range(1, 61))
    assert [seq for seq, _ in _stored(server, room)] == list(range(1, 61))


# --- Sent twice -------------------------------------------------------------------------------------------------------
async def test_commands_that_are_sent_without_waiting_act_in_their_order(
    server: ServerProcess, alice: Person, room: str
) -> None:
    commands: list[Frame] = [
        {"type": "join-room", "id": "in"},
        *({"type": "chat-message", "content": number, "id": number} for number in "012"),
        {"type": "get-history", "limit": 3, "id": "page"},
        {"type": "leave-room", "id": "out"},
        {"type": "chat-message", "content": "too late", "id": "late"},
    ]
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        for command in commands:
            await client.send_text(json.dumps({"roomId": room, **command}))
        assert (await client.expect("error", id="late"))["code"] == "not-in-room"
        answers = [frame for frame in client.log if "id" in frame]
    assert [frame["id"] for frame in answers] == ["in", "0", "1", "2", "page", "out", "late"]
    assert [one["content"] for one in answers[4]["messages"]] == ["0", "1", "2"]


async def test_a_repeated_client_id_stores_nothing(server: ServerProcess, alice: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        first = await client.call("chat-message", roomId=room, content="once", clientId="c1")
        await client.call("chat-message", roomId=room, content="between")
        again = await client.call("chat-message", roomId=room, content="once", clientId="c1")
        await client.nothing("chat-message", seq=3)
    assert again | {"id": None} == first | {"id": None}
    assert _stored(server, room) == [(1, "once"), (2, "between")]


async def test_an_id_is_an_address_and_no_client_id(server: ServerProcess, alice: Person, room: str) -> None:
    """Clients count their commands from 1 on every connection."""
    for text in ("today", "tomorrow"):
        async with ChatClient.connect(server.ws_url, alice.token) as client:
            await enter(client, room)
            await client.call("chat-message", id="1", roomId=room, content=text)
    assert _stored(server, room) == [(1, "today"), (2, "tomorrow")]


async def test_a_client_id_is_known_on_another_socket(server: ServerProcess, alice: Person, room: str) -> None:
    acks = []
    for _ in range(2):
        async with ChatClient.connect(server.ws_url, alice.token) as client:
            await enter(client, room)
            acks.append(await client.call("chat-message", id="m", roomId=room, content="x", clientId="moves"))
    assert acks[0] == acks[1]
    assert len(_stored(server, room)) == 1


@pytest.mark.parametrize(("elsewhere", "content"), [("", "another text"), ("-other", "x")], ids=["text", "room"])
async def test_another_message_under_the_same_client_id_is_a_conflict(
    uvicorn_server: ServerProcess, elsewhere: str, content: str
) -> None:
    alice, room = uvicorn_server.person(f"alice-conflict{elsewhere}"), f"conflict{elsewhere}"
    async with ChatClient.connect(uvicorn_server.ws_url, alice.token) as client:
        for name in (room, f"{room}{elsewhere}"):
            await enter(client, name)
        await client.call("chat-message", roomId=room, content="x", clientId="c")
        refusal = await client.call("chat-message", roomId=f"{room}{elsewhere}", content=content, clientId="c")
    assert (refusal["type"], refusal["code"], refusal["retryable"]) == ("error", "conflict", False)
    assert _stored(uvicorn_server, room) == [(1, "x")]


async def test_a_client_id_is_its_authors_own(server: ServerProcess, alice: Person, bob: Person, room: str) -> None:
    async with (
        ChatClient.connect(server.ws_url, alice.token) as first,
        ChatClient.connect(server.ws_url, bob.token) as second,
    ):
        for client in (first, second):
            await enter(client, room)
            await client.call("chat-message", clientId="same", roomId=room, content="x")
    assert len(_stored(server, room)) == 2


async def test_the_same_message_sent_twice_at_once_is_stored_once(
    server: ServerProcess, alice: Person, room: str
) -> None:
    async with (
        ChatClient.connect(server.ws_url, alice.token) as phone,
        ChatClient.connect(server.ws_url, alice.token) as laptop,
    ):
        await enter(phone, room)
        await enter(laptop, room)
        sends = [
            client.call("chat-message", id="m", clientId="m", roomId=room, content="x") for client in (phone, laptop)
        ]
        first, second = await asyncio.gather(*sends)
    assert first == second
    assert _stored(server, room) == [(1, "x")]


async def test_without_an_id_the_same_text_is_two_messages(server: ServerProcess, alice: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        for _ in range(2):
            await client.send("chat-message", roomId=room, content="x")
        await client.expect("chat-message", seq=2)
        await client.nothing("ack")


# --- Pages ------------------------------------------------------------------------------------------------------------
async def test_history_is_read_by_key_in_both_directions(server: ServerProcess, alice: Person, room: str) -> None:
    async def seqs(**window: int) -> list[int]:
        page: Frame = await client.call("get-history", roomId=room, **window)
        return [message["seq"] for message in page["messages"]]

    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, room)
        for number in range(1, 13):
            await client.send("chat-message", roomId=room, content=f"number {number}")
        await client.expect("chat-message", seq=12)
        assert await seqs(limit=3) == [10, 11, 12]
        assert await seqs(limit=3, before=10) == [7, 8, 9]
        assert await seqs(limit=3, after=4) == [5, 6, 7]
        assert await seqs(after=4, before=8) == [5, 6, 7]
        assert await seqs(before=1) == []
        assert await seqs(after=12) == []
        assert await seqs(after=2**53 - 1) == []
        assert await seqs(after=0, limit=10**9) == list(range(1, 13))
