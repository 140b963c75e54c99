"""A chat client for programs that must not miss or repeat anything: it reconnects, resumes, and sends again.

It relies on the documented protocol alone: on `after`, `clientId`, `server-draining` and the close codes.
"""

import asyncio
import itertools
import json
import random
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import websockets
from websockets.asyncio.client import ClientConnection

from tests.support.client import Frame

BACK_OFF_S, BACK_OFF_MAX_S = 0.1, 2.0  # the longest pause before a try doubles from the first to the second
ANSWER_S = 15.0  # a server that takes longer to let somebody in is tried again, or another one
FOR_GOOD = {1008, *range(4100, 4200)}  # closes after which one does not come back
MESSAGES = ("chat-message", "room-message", "message-edited", "message-deleted")


class RefusedError(Exception):
    """The server will not take this, however often it is sent; holds its `error` frame."""


class TryAgainError(Exception):
    """The server could not let the client in just now."""


class DurableClient:
    """`log` has every change of each joined room once, in the order it came; `stale` what came again or too late."""

    def __init__(self, urls: Sequence[str], token: str) -> None:
        """Begins at the first of these servers; when a line breaks, the next one is tried."""
        self.token = token
        self.seqs: dict[str, int] = {}  # the highest one seen of each room: where to resume
        self.log: dict[str, list[Frame]] = {}
        self.stale: list[Frame] = []
        self.frames: list[Frame] = []  # everything else that came, in order
        self.connections = 0
        self.close_code: int | None = None
        self._urls = itertools.cycle(urls)
        self._unanswered: dict[str, tuple[Frame, asyncio.Future[Frame]]] = {}
        self._heads: dict[str, int] = {}
        self._entered: dict[str, asyncio.Event] = {}
        self._numbers = itertools.count(1)
        self._socket: ClientConnection | None = None
        self._ready = asyncio.Event()
        self._draining = False
        self._task: asyncio.Task[None] | None = None
        self._reposts: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task
        for task in (self._task, *self._reposts):
            task.cancel()
        await asyncio.gather(self._task, *self._reposts, return_exceptions=True)

    async def join(self, room: str) -> None:
        """Enters a room for good: after every reconnect it is entered again, from where it was left."""
        await self._ready.wait()
        self.log[room], self.seqs[room], self._entered[room] = [], 0, asyncio.Event()
        await self._post(self._join(room))
        await self._entered[room].wait()

    async def send(self, room: str, content: str) -> Frame:
        """Returns the `ack`, however long it takes and however often it must be sent; raises Refused."""
        client_id = uuid.uuid4().hex
        frame = {"type": "chat-message", "id": client_id, "clientId": client_id, "roomId": room, "content": content}
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._unanswered[client_id] = frame, answer
        await self._post(frame)
        return await answer

    # --- The line -----------------------------------------------------------------------------------------------------
    async def _run(self) -> None:
        """One connection after the other, until the server says not to come back."""
        pause_s = BACK_OFF_S
        for url in self._urls:
            before = self.connections
            try:
                await self._converse(url)
            except (OSError, websockets.WebSocketException, TryAgainError):
                pass
            finally:
                self._ready.clear()
                self._socket = None
            if self.close_code in FOR_GOOD:
                self._give_up()
                return
            pause_s = BACK_OFF_S if self.connections > before else min(2 * pause_s, BACK_OFF_MAX_S)
            if not self._draining:
                await asyncio.sleep(random.uniform(0, pause_s))
            self._draining = False

    async def _converse(self, url: str) -> None:
        self.close_code = None
        async with websockets.connect(url, compression=None, proxy=None, max_size=None) as socket:
            try:
                await self._let_in(socket)
                self._socket = socket
                self.connections += 1
                self._ready.set()
                for frame, _ in list(self._unanswered.values()):
                    await self._post(frame)
                async for text in socket:
                    self._take(json.loads(text))
            finally:
                self.close_code = socket.close_code

    async def _let_in(self, socket: ClientConnection) -> None:
        """Signs in and enters every room again."""
        await self._call(socket, {"type": "auth", "id": f"auth-{next(self._numbers)}", "token": self.token})
        for room in self.log:
            await self._call(socket, self._join(room))

    async def _call(self, socket: ClientConnection, command: Frame) -> None:
        """Sends a command and takes what comes, up to its answer."""
        await socket.send(json.dumps(command))
        async with asyncio.timeout(ANSWER_S):
            while True:
                frame = json.loads(await socket.recv())
                self._take(frame)
                if frame.get("id") == command["id"]:
                    break
        if frame["type"] == "error":
            raise TryAgainError(frame)

    def _join(self, room: str) -> Frame:
        return {"type": "join-room", "id": f"join-{next(self._numbers)}", "roomId": room, "after": self.seqs[room]}

    async def _post(self, frame: Frame) -> None:
        if self._socket is not None:
            with suppress(websockets.ConnectionClosed):  # then it is sent again on the next connection
                await self._socket.send(json.dumps(frame))

    async def _repost(self, frame: Frame, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._post(frame)

    def _give_up(self) -> None:
        for _, answer in self._unanswered.values():
            if not answer.done():
                answer.set_exception(RefusedError({"code": self.close_code}))

    # --- What comes ---------------------------------------------------------------------------------------------------
    def _take(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind in MESSAGES:
            self._note(frame["roomId"], frame)
            return
        self.frames.append(frame)
        if kind == "message-history":
            self._resumed(frame["roomId"], frame["messages"])
        elif kind == "room-joined":
            self._heads[frame["roomId"]] = frame["headSeq"]
        elif kind == "server-draining":
            self._draining = True
        elif kind in ("ack", "error") and frame.get("id") in self._unanswered:
            self._answered(frame)
        elif kind == "error" and str(frame.get("id")).startswith("join-"):
            raise TryAgainError(frame)  # on a new connection, which enters every room

    def _note(self, room: str, change: Frame) -> None:
        if change["changedSeq"] <= self.seqs[room]:
            self.stale.append(change)
        else:
            self.seqs[room] = change["changedSeq"]
            self.log[room].append(change)

    def _resumed(self, room: str, changes: list[Frame]) -> None:
        for change in changes:
            self._note(room, change)
        self.seqs[room] = max(self.seqs[room], self._heads.pop(room, 0))
        self._entered[room].set()

    def _answered(self, frame: Frame) -> None:
        command, answer = self._unanswered[frame["id"]]
        if frame.get("retryable"):
            wait_s = frame.get("retryAfterMs", 0) / 1000 or random.uniform(BACK_OFF_S, 3 * BACK_OFF_S)
            task = asyncio.ensure_future(self._repost(command, wait_s))
            self._reposts.add(task)
            task.add_done_callback(self._reposts.discard)
            return
        del self._unanswered[frame["id"]]
        if answer.done():
            return
        if frame["type"] == "ack":
            answer.set_result(frame)
        else:
            answer.set_exception(RefusedError(frame))
