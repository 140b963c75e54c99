"""A chat client of few verbs: connect, send, expect, call, nothing, closed. It knows frames as plain dicts."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import websockets
from websockets.asyncio.client import ClientConnection

Frame = dict[str, Any]
WITHIN = 5.0  # seconds: long for a busy machine, short for a person who waits


class ChatClient:
    """`log` has every frame that came, in order; `waiting` those that no `expect` has taken yet."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.log: list[Frame] = []
        self.waiting: list[Frame] = []
        self._numbers = itertools.count(1)
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, token: str | None = None, *, headers: Mapping[str, str] | None = None, origin: str | None = None
    ) -> AsyncIterator[Self]:
        """Connects, and with a token signs in: then `welcome` and `auth-success` are taken already."""
        async with websockets.connect(
            url,
            additional_headers=headers,
            origin=origin,
            compression=None,
            ping_interval=None,
            proxy=None,
            max_size=None,
        ) as socket:
            client = cls(socket)
            try:
                if token is not None:
                    await client.expect("welcome")
                    await client.send("auth", token=token)
                    await client.expect("auth-success")
                yield client
            finally:
                await socket.close()
                await client._reader

    async def send(self, kind: str, /, **fields: Any) -> None:
        await self.send_text(json.dumps({"type": kind, **fields}))

    async def send_text(self, raw: str | bytes) -> None:
        """Sends anything: text as a text frame, bytes as a binary one."""
        await self.socket.send(raw)

    async def expect(self, kind: str, /, within: float = WITHIN, **fields: Any) -> Frame:
        """Takes the next frame of this type with these fields; frames of other kinds stay waiting."""
        return await self._take({"type": kind, **fields}, within)

    async def call(self, kind: str, /, within: float = WITHIN, **fields: Any) -> Frame:
        """Sends a command with an id of its own and takes the answer that carries the same, whatever its type."""
        command_id = fields.pop("id", f"call-{next(self._numbers)}")
        await self.send(kind, id=command_id, **fields)
        return await self._take({"id": command_id}, within)

    async def nothing(self, kind: str, /, **fields: Any) -> None:
        """Has no frame of this type come? A ping and its pong later, all that was on its way is here."""
        await self.call("ping")
        frames = [frame for frame in self.waiting if _has(frame, {"type": kind, **fields})]
        assert not frames, f"Came all the same: {frames}"

    async def closed(self, within: float = WITHIN) -> tuple[int | None, str | None]:
        """Waits until the server has closed the socket; its close code and reason."""
        async with asyncio.timeout(within):
            await self.socket.wait_closed()
        return self.socket.close_code, self.socket.close_reason

    async def _take(self, wanted: Frame, within: float) -> Frame:
        try:
            async with asyncio.timeout(within):
                while True:
                    self._news.clear()
                    for index, frame in enumerate(self.waiting):
                        if _has(frame, wanted):
                            return self.waiting.pop(index)
                    assert not self._reader.done(), (
                        f"Closed with {self.socket.close_code} before {wanted}: {self.waiting}"
                    )
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"Not within {within} s: {wanted}. Waiting: {self.waiting}") from None

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                assert isinstance(text, str), "the server sends text frames only"
                frame = json.loads(text)
                self.log.append(frame)
                self.waiting.append(frame)
                self._news.set()
        except websockets.ConnectionClosedError:
            pass  # `closed` tells how
        finally:
            self._news.set()


def _has(frame: Frame, wanted: Frame) -> bool:
    return all(name in frame and frame[name] == value for name, value in wanted.items())
