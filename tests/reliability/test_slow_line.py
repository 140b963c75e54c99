"""A client on a slow line that resumes rooms larger than its outbox: it reads little at a time, and gets everything."""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.servers import ServerProcess

ROOMS, MESSAGES, CHARACTERS = ("north", "south", "east", "west"), 400, 4_000
OUTBOX_BYTES, READ_BYTES = 16_384, 65_536  # the rooms together have more than the kernel takes


class SlowClient:
    """`frames` has what came with the parts of the line that were read so far."""

    def __init__(self, server: ServerProcess) -> None:
        self.frames: list[dict[str, Any]] = []
        self.closes: list[Frame] = []
        self._line = socket.create_connection(("127.0.0.1", server.port))
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_BYTES)
        self._line.setblocking(False)
        self._protocol = ClientProtocol(parse_uri(server.ws_url), max_size=None)
        self._protocol.send_request(self._protocol.connect())

    async def send(self, **frame: Any) -> None:
        self._protocol.send_text(json.dumps(frame).encode())
        await self._write()

    async def read(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self._line, READ_BYTES)
        assert data, "the server has closed the line"
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self.frames.append(json.loads(event.data))
            elif isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                self.closes.append(event)
        await self._write()

    async def open(self) -> None:
        await self._write()
        while not self.frames:
            await self.read()

    async def _write(self) -> None:
        await asyncio.get_running_loop().sock_sendall(self._line, b"".join(self._protocol.data_to_send()))

    def close(self) -> None:
        self._line.close()

    def seqs(self, room: str) -> list[int]:
        """Of all messages of a room that came, in histories and alone."""
        histories = [frame["messages"] for frame in self.frames if frame["type"] == "message-history"]
        messages = [message for page in [*histories, self.frames] for message in page]
        return [message["seq"] for message in messages if "content" in message and message["roomId"] == room]


async def test_a_slow_line_gets_every_room_it_resumes(
    make_server: Callable[..., ServerProcess], record: Callable[..., None]
) -> None:
    server = make_server("uvicorn", CHAT_OUTBOX_BYTES=OUTBOX_BYTES)
    alice, bob = server.person("alice"), server.person("bob")
    await asyncio.to_thread(server.database.run, _fill_rooms)
    slow, posted = SlowClient(server), MESSAGES
    try:
        async with ChatClient.connect(server.ws_url, bob.token) as talker:
            await enter(talker, ROOMS[0])
            await slow.open()
            await slow.send(type="auth", token=alice.token)
            for room in ROOMS:
                await slow.send(type="join-room", roomId=room, after=0)
            while sum(frame["type"] == "message-history" for frame in slow.frames) < len(ROOMS):
                posted = (await talker.call("chat-message", roomId=ROOMS[0], content="meanwhile"))["seq"]
                await slow.read()
            while len(slow.seqs(ROOMS[0])) < posted:
                await slow.read()
    finally:
        slow.close()
    assert slow.closes == []
    assert slow.seqs(ROOMS[0]) == list(range(1, posted + 1))
    assert [slow.seqs(room) for room in ROOMS[1:]] == [list(range(1, MESSAGES + 1))] * (len(ROOMS) - 1)
    record(
        "a slow line resumes four rooms of a hundred times its outbox",
        1,
        "all complete, in order, never closed as slow",
    )


def _fill_rooms() -> None:
    from rooms.models import Message
    from tests.support.factories import make_room, make_user

    author = make_user("author")
    for name in ROOMS:
        room = make_room(name, last_seq=MESSAGES)
        Message.objects.bulk_create(
            Message(room=room, author=author, seq=seq, changed_seq=seq, content="x" * CHARACTERS)
            for seq in range(1, MESSAGES + 1)
        )
