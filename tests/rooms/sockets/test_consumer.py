"""One socket's loop: what is read at once, what waits its turn, and that a fault answers its command alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.conf import LazySettings

from rooms.live.node import Node
from rooms.models import Room
from rooms.protocol.commands.rooms import GetRooms
from rooms.protocol.commands.session import Ping
from rooms.sockets import session
from rooms.sockets.commands import HANDLERS
from rooms.sockets.consumer import ChatConsumer
from tests.support.connections import Client
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)
Frame = dict[str, Any]


class Socket(Client):
    """A consumer's server and client: what it says is offered to `on_text`, then queued, as a server does."""

    def __init__(self, node: Node, *, offers: bool = True, address: str = "") -> None:
        self.node, self.frames, self.close = node, [], None
        self.queue: asyncio.Queue[Frame] = asyncio.Queue()
        self.queue.put_nowait({"type": "websocket.connect"})
        extensions = {"websocket.http.response": {}} | ({"chat.frames": self} if offers else {})
        headers = [(b"host", b"testserver")]
        scope: Frame = {
            "type": "websocket",
            "path": "/ws",
            "headers": headers,
            "query_string": b"",
            "extensions": extensions,
        }
        scope["client"] = (address, 50_000) if address else None
        self.answered: list[Frame] = []  # other events than frames and a close
        self.served = asyncio.ensure_future(ChatConsumer.as_asgi()(scope, self.queue.get, self._send))

    async def _send(self, event: Frame) -> None:
        if event["type"] in ("websocket.send", "websocket.close"):
            await super()._send(event)
        else:
            self.answered.append(event)

    def say(self, **frame: Any) -> None:
        self.say_text(json.dumps(frame))

    def say_text(self, text: str) -> None:
        if not (self.queue.empty() and self.on_text is not None and self.on_text(text)):
            self.queue.put_nowait({"type": "websocket.receive", "text": text})

    async def answer(self, command_id: str) -> Frame:
        await eventually(lambda: any(frame.get("id") == command_id for frame in self.frames))
        return next(frame for frame in self.frames if frame.get("id") == command_id)

    async def hang_up(self) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self.served


@pytest.fixture
async def socket(node: Node, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Socket]:
    """A socket that has its welcome, and is alice's."""
    monkeypatch.setattr(session, "running", lambda: node)
    socket = Socket(node)
    await eventually(lambda: socket.on_text)
    yield socket
    await socket.hang_up()


@pytest.fixture
async def signed_in(node: Node, socket: Socket, alice: Client, hall: Room) -> Socket:
    [connection] = [one for one in node.connections.values() if one is not alice.connection]
    connection.identity = alice.connection.identity
    socket.connection = connection
    await socket.join("hall")
    return socket


async def test_a_socket_is_welcomed_with_the_servers_time(socket: Socket) -> None:
    [welcome] = socket.frames
    assert welcome["type"] == "welcome"
    assert welcome["serverTime"] == welcome["timestamp"]
    assert welcome["timestamp"].endswith("Z")


async def test_a_draining_node_refuses_new_sockets(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "running", lambda: node)
    node.draining = True
    socket = Socket(node)
    await socket.served
    assert socket.answered[0]["status"] == 503
    assert (b"retry-after", b"1") in socket.answered[0]["headers"]
    assert not node.connections


async def test_a_ping_is_answered_as_soon_as_it_is_read(socket: Socket) -> None:
    socket.say(type="ping", id="1")
    assert socket.frames[-1] == {"type": "pong", "id": "1"}, "before the event loop has turned"


async def test_a_message_behind_a_command_that_waits_waits_too(
    signed_in: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()

    async def slow(node: Node, connection: Any, command: GetRooms) -> None:
        await go_on.wait()
        await listed(node, connection, command)  # type: ignore[misc]

    listed = HANDLERS[GetRooms]
    monkeypatch.setitem(HANDLERS, GetRooms, slow)
    signed_in.say(type="get-rooms", id="1")
    signed_in.say(type="chat-message", id="2", roomId="hall", content="hi")
    await asyncio.sleep(0)
    signed_in.say(type="ping", id="3")
    assert not [frame for frame in signed_in.frames if "id" in frame]
    go_on.set()
    await signed_in.answer("2")
    answers = [frame["id"] for frame in signed_in.frames if "id" in frame]
    assert answers.index("1") < answers.index("2")
    assert "3" in answers


async def test_a_command_waits_until_earlier_messages_are_stored(signed_in: Socket) -> None:
    for number in range(3):
        signed_in.say(type="chat-message", id=f"m{number}", roomId="hall", content="hi")
    signed_in.say(type="get-history", id="history", roomId="hall")
    history = await signed_in.answer("history")
    assert [message["seq"] for message in history["messages"]] == [1, 2, 3]


async def test_a_command_waits_until_most_of_the_earlier_answers_are_read(
    signed_in: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, read, listed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def drained(_: object) -> None:
        waiting.set()
        await read.wait()

    async def list_rooms(*_: object) -> None:
        assert read.is_set()
        listed.set()

    monkeypatch.setattr(type(signed_in.connection), "drained", drained)
    monkeypatch.setitem(HANDLERS, GetRooms, list_rooms)
    signed_in.say(type="get-rooms")
    async with asyncio.timeout(5):
        await waiting.wait()
        read.set()
        await listed.wait()


async def test_a_sender_with_too_many_messages_under_way_is_read_no_further(
    signed_in: Socket, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed_in.connection, "_max_pending", 2)
    for number in range(5):
        signed_in.say(type="chat-message", id=f"m{number}", roomId="hall", content="hi")
        assert signed_in.connection.pending <= 2
    await signed_in.answer("m4")
    assert [frame["seq"] for frame in signed_in.got("ack")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("offers", [True, False])
async def test_each_fault_answers_its_command_alone(node: Node, monkeypatch: pytest.MonkeyPatch, offers: bool) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(session, "running", lambda: node)
    socket = Socket(node, offers=offers)
    await eventually(lambda: socket.frames)
    for text in (
        '{"type":"wave","id":"1"}',
        '{"type":"ping","id":"2","x":"\\ud800"}',
        '{"type":"get-rooms","id":"3"}',
        '{"type":"chat-message","id":"4","roomId":"hall","content":"hi"}',
    ):
        socket.say_text(text)
    codes = [(await socket.answer(number))["code"] for number in "1234"]
    assert codes == ["unknown-type", "bad-json", "auth-required", "auth-required"]
    with monkeypatch.context() as patch:
        patch.setitem(HANDLERS, Ping, broken)
        socket.say(type="ping", id="5")
        assert (await socket.answer("5"))["code"] == "internal"
    socket.say(type="ping", id="6")
    assert (await socket.answer("6"))["type"] == "pong"
    await socket.hang_up()


async def test_nothing_is_handled_once_the_connection_closes(socket: Socket) -> None:
    socket.say(type="auth", token="no token")
    await eventually(lambda: socket.close)
    before = len(socket.frames)
    socket.say(type="ping", id="late")
    await socket.hang_up()
    assert len(socket.frames) == before


async def test_a_closed_socket_is_not_counted(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "running", lambda: node)
    socket = Socket(node)
    await eventually(lambda: len(node.connections) == 1)
    await socket.hang_up()
    assert not node.connections
