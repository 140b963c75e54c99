"""uvicorn's HTTP protocol, which waits for a whole request for a limited time only.

A connection that says nothing, or says it a byte a second, holds a descriptor as a client does. It is closed when its
time is over, and before that when descriptors run short: the oldest first.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chatsite import descriptors
from monitoring import metrics
from rooms.conf import conf

HEADERS, BODY = "headers", "body"  # what a connection is waited for, and why it is dropped
DESCRIPTORS = "descriptors"
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class HttpProtocol(HttpToolsProtocol):
    """Also lets go of its parser when a WebSocket takes over: the two are a cycle."""

    waiting: ClassVar[dict["HttpProtocol", None]] = {}  # those from which a request is still to come, the oldest first

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reading = ""  # the part of a request that has begun
        self.awaited = ""
        self.deadline: asyncio.TimerHandle | None = None

    # --- What uvicorn and its parser call -----------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if len(self.connections) > descriptors.most_connections() and self.waiting:
            next(iter(self.waiting)).drop(DESCRIPTORS)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_message_begin(self) -> None:
        self.reading = HEADERS
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.reading = BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.reading = ""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def handle_websocket_upgrade(self) -> None:
        self._forget()
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as uvicorn does when a connection is lost

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    # --- Waiting ------------------------------------------------------------------------------------------------------
    def _watch(self) -> None:
        """Notes what is awaited now. A whole request that arrives at once sets no timer."""
        if self.parser is None or self.transport.is_closing():
            self._forget()
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        awaited = self.reading or ("" if is_answering else HEADERS)
        if awaited != self.awaited:
            self._forget()
            self.awaited = awaited
        if awaited and self.deadline is None and self.timeout_keep_alive_task is None:
            limit_s = conf.CHAT_HANDSHAKE_S if awaited == HEADERS else self._body_s()
            self.deadline = self.loop.call_later(limit_s, self._time_out) if limit_s else None
        if awaited:
            self.waiting.setdefault(self)

    def _body_s(self) -> int:
        """How long the body of the present request may take."""
        from rooms.api import upload_bodies  # needs models, which are loaded after the server's own code

        return conf.CHAT_UPLOAD_S if upload_bodies.is_upload(self.scope) else conf.CHAT_BODY_S

    def _forget(self) -> None:
        self.awaited = ""
        self.waiting.pop(self, None)
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _time_out(self) -> None:
        self.deadline = None
        if self.flow.read_paused:  # the server's own doing: an earlier request of this connection is being answered
            self._watch()
        else:
            self.drop(self.awaited)

    def drop(self, reason: str) -> None:
        """Closes the connection, with an answer if a request has begun and no other answer has."""
        is_answered = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if self.reading and not is_answered and not self.transport.is_closing():
            self.transport.write(TIMED_OUT)
        if self.cycle is not None:
            self.cycle.disconnected = True
        self._forget()
        metrics.request_dropped(reason)
        self.transport.close()
