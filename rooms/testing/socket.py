"""One WebSocket to the chat's consumer without a network: what an ASGI server does for it."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from rooms.closes import Close
from rooms.conf import conf
from rooms.routing import socket
from rooms.testing.log import Failure
from rooms.testing.server import Server

Frame = dict[str, Any]
HOST, ORIGIN = b"testserver", b"https://testserver"  # as Django's own test client


class Socket:
    """`waiting` has the frames that came and that nobody has taken, `close` how the chat has closed the socket."""

    def __init__(self, server: Server, headers: Mapping[bytes, bytes]) -> None:
        self.waiting: list[Frame] = []
        self.close: Close | None = None
        self.has_ended = False
        self._server = server
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._events.put_nowait({"type": "websocket.connect"})
        self._serving = server.spawn(self._serve(_scope(headers)))

    def send(self, text: str) -> None:
        if self.has_ended:
            raise Failure(f"The socket is closed: {self.how_closed()}")
        self._put({"type": "websocket.receive", "text": text})

    def disconnect(self) -> None:
        self._put({"type": "websocket.disconnect", "code": 1000})

    def how_closed(self) -> str:
        return f"{self.close.code} {self.close.reason}".strip() if self.close else "not by the chat"

    def _put(self, event: dict[str, Any]) -> None:
        self._server.call_soon(self._events.put_nowait, event)

    async def _serve(self, scope: dict[str, Any]) -> None:
        try:
            await socket(scope, self._events.get, self._send)
        except Exception as error:  # noqa: BLE001 - the test fails with it
            self._server.log.failed("the consumer ended", error)
        finally:
            self._server.inbox.post(self._end)

    async def _send(self, event: Mapping[str, Any]) -> None:
        self._server.inbox.post(self._receive, event)
        if event["type"] == "websocket.close":
            self._events.put_nowait({"type": "websocket.disconnect", "code": event.get("code", 1000)})

    def _receive(self, event: Mapping[str, Any]) -> None:
        if event["type"] == "websocket.send":
            self.waiting.append(json.loads(event["text"]))
        elif event["type"] == "websocket.close":
            self.close = Close(event.get("code", 1000), event.get("reason") or "", "")

    def _end(self) -> None:
        self.has_ended = True


def _scope(headers: Mapping[bytes, bytes]) -> dict[str, Any]:
    return {
        "type": "websocket",
        "path": conf.CHAT_SOCKET_PATH,
        "query_string": b"",
        "headers": [(b"host", HOST), (b"origin", ORIGIN), *headers.items()],
        "client": ("127.0.0.1", 0),
        "subprotocols": [],
    }
