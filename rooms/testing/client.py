"""A chat client for tests that are plain functions: no `await`, no server, and no wait without an end."""

import asyncio
import itertools
import json
from typing import Any, Self

from django.conf import settings
from django.db.models import Model
from django.test import Client

import rooms
from rooms.models import Room
from rooms.testing import server
from rooms.testing.log import Failure
from rooms.testing.server import Server
from rooms.testing.socket import Frame, Socket

TIMEOUT_S = 5.0
SHOWN = 500  # characters of a frame in the text of a failure


class ChatClient:
    """One socket of a user, of a token's owner, or of nobody.

    `user` is signed in by a session; `client` is a test client of Django whose session is used. Every wait raises
    Failure after `timeout` seconds, and as soon as the chat raises an exception.
    """

    def __init__(
        self, user: Any = None, *, token: str = "", client: Client | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        self.user, self.timeout = user, timeout
        self._token, self._client = token, client
        self._server: Server | None = None
        self._socket: Socket | None = None
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        __tracebackhide__ = True
        return self.connect()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        try:
            self.close()
        except Failure:
            if kind is None:  # else the test has failed already, and says why
                raise

    def connect(self) -> Self:
        """Opens the socket, and signs in; raises Failure when the chat does not let this user in."""
        __tracebackhide__ = True
        _refuse_in_event_loop()
        headers = self._headers()
        self._server = server.enter()
        try:
            self._socket = Socket(self._server, headers)
            self.expect("welcome")
            self.call("ping")  # answered after the sign-in
            if headers:
                self._take({"type": "auth-success"}, 0)
            self._server.settle(self.timeout)
        except BaseException:
            self.__exit__(Failure)
            raise
        return self

    def close(self) -> None:
        """Closes the socket, after what was sent has been done. The last client ends the chat of this test."""
        __tracebackhide__ = True
        running, socket = self._server, self._socket
        self._server = self._socket = None
        if running is None:
            return
        try:
            if socket is not None:
                socket.disconnect()
                running.wait(lambda: socket.has_ended, self.timeout, "the end of the socket")
        finally:
            server.leave(running)

    # --- What a client does -------------------------------------------------------------------------------------------
    @property
    def frames(self) -> list[Frame]:
        """The frames that came and that no call has taken, in their order."""
        return list(self._open().waiting)

    def send(self, kind: str, /, **fields: Any) -> None:
        """Sends a frame and waits for nothing."""
        self._open().send(json.dumps({"type": kind, **fields}))

    def expect(self, kind: str, /, *, timeout: float | None = None, **fields: Any) -> Frame:
        """Takes the next frame of this type with these fields; others stay waiting."""
        __tracebackhide__ = True
        return self._take({"type": kind, **fields}, self.timeout if timeout is None else timeout)

    def call(self, kind: str, /, *, timeout: float | None = None, **fields: Any) -> Frame:
        """Sends a command and takes its answer, whatever its type: also an `error`."""
        __tracebackhide__ = True
        number = str(fields.pop("id", f"call-{next(self._numbers)}"))
        self.send(kind, id=number, **fields)
        return self._take({"id": number}, self.timeout if timeout is None else timeout)

    def join(self, room: Room | Model | str, **fields: Any) -> Frame:
        """Joins a room, given by its name, itself, or its object. The answer; Failure when it is refused."""
        __tracebackhide__ = True
        answer = self.call("join-room", roomId=_name(room), **fields)
        if answer["type"] != "room-joined":
            raise Failure(f"Joining was refused: {_shown(answer)}")
        return answer

    def nothing(self, kind: str, /, **fields: Any) -> None:
        """Lets the chat do all that it has to do; raises Failure when such a frame has come."""
        __tracebackhide__ = True
        if not self._open().has_ended:
            self.call("ping")
            self._running().settle(self.timeout)
        found = [frame for frame in self.frames if _has(frame, {"type": kind, **fields})]
        if found:
            raise Failure("\n".join(["Came all the same:", *map(_shown, found)]))

    def closed(self, *, timeout: float | None = None) -> int:
        """Waits until the chat has closed the socket; the close code."""
        __tracebackhide__ = True
        socket = self._open()
        within_s = self.timeout if timeout is None else timeout
        self._running().wait(lambda: socket.has_ended, within_s, "a close by the chat", self._came)
        return socket.close.code if socket.close else 1006

    def _take(self, wanted: Frame, within_s: float) -> Frame:
        __tracebackhide__ = True
        socket = self._open()

        def find() -> Frame | None:
            return next((frame for frame in socket.waiting if _has(frame, wanted)), None)

        self._running().wait(lambda: bool(find() or socket.has_ended), within_s, _shown(wanted), self._came)
        frame = find()
        if frame is None:
            raise Failure("\n".join([f"Closed ({socket.how_closed()}) before {_shown(wanted)}.", self._came()]))
        socket.waiting.remove(frame)
        return frame

    def _came(self) -> str:
        return "\n".join(["Came instead:", *map(_shown, self.frames)]) if self.frames else "No other frame came."

    def _open(self) -> Socket:
        if self._socket is None:
            raise RuntimeError("The client is not connected: use it in a `with` block, or call `connect`")
        return self._socket

    def _running(self) -> Server:
        assert self._server is not None  # noqa: S101 - there is one while there is a socket
        return self._server

    def _headers(self) -> dict[bytes, bytes]:
        """What signs the handshake in: a token, the cookie of a session, or nothing."""
        if self._token:
            return {b"authorization": f"Bearer {self._token}".encode()}
        client = self._client or Client()
        if self.user is not None:
            client.force_login(self.user)
        cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
        return {b"cookie": f"{cookie.key}={cookie.value}".encode()} if cookie else {}


def _refuse_in_event_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("ChatClient is for tests that are plain functions: in an `async def` its waits would never end")


def _name(room: Room | Model | str) -> str:
    if isinstance(room, str):
        return room
    return room.name if isinstance(room, Room) else rooms.room_for(room).name


def _has(frame: Frame, wanted: Frame) -> bool:
    return all(name in frame and frame[name] == value for name, value in wanted.items())


def _shown(frame: Frame) -> str:
    text = json.dumps(frame, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
