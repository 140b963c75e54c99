"""The production server: uvicorn; its WebSocket protocol with our close reasons and pre-encoded frames.

Run as `python -m chatsite.server`; `make serve` prepares the database and the static files first.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request

from chatsite import environment, start
from rooms.closes import SHUTDOWN
from rooms.conf import conf

quiet = logging.getLogger("uvicorn.websockets")
quiet.setLevel(logging.WARNING)
LINGER_S = 5  # time for a peer that sent a broken frame to read the close code and close
PING = b"\x89\x00"
GRACE_S = 20  # time to store queued messages and to close connections, before the rest are cut


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which lets go of its parser when a WebSocket takes over: the two are a cycle."""

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as uvicorn does when a connection is lost


class ChatProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which also writes frames that are encoded already."""

    on_writable: Callable[[Callable[[bytes], None] | None], None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = quiet  # the consumer logs `socket.opened` and `socket.closed`
        self.pong_owed = False
        self.on_text: Callable[[str], bool] | None = None  # the application's, which may take a text at once

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"]["chat.frames"] = self  # type: ignore[assignment]
            # What the kernel does not take waits in the connection's bounded outbox. And uvloop then writes at once,
            # instead of visiting each socket again at the end of its turn: 2.7 -> 2.5 us for each of 1,000.
            self.transport.set_write_buffer_limits(high=0)

    # --- Writing ------------------------------------------------------------------------------------------------------
    def watch(self, on_writable: Callable[[Callable[[bytes], None] | None], None]) -> None:
        """Calls back, now and whenever it changes, with what writes a frame; None: ASGI's `send` waits or fails."""
        self.on_writable = on_writable
        self._report()

    def _report(self) -> None:
        if self.on_writable is not None:
            free = not self.close_sent and self.writable.is_set() and not self.transport.is_closing()
            self.on_writable(self.transport.write if free else None)

    @property
    def close_sent(self) -> bool:
        return self._close_sent

    @close_sent.setter
    def close_sent(self, sent: bool) -> None:
        self._close_sent = sent
        self._report()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._report()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._report()

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._report()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._report()
        # Else a closed connection is a cycle that lies in memory until the collector comes by.
        self.on_writable = self.on_text = None
        getattr(self, "scope", {}).get("extensions", {}).pop("chat.frames", None)

    def unsent_bytes(self) -> int:
        return 0 if self.transport.is_closing() else self.transport.get_write_buffer_size()

    def abort(self) -> None:
        self.transport.abort()
        self._report()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # else uvicorn logs an error after every refusal that was answered

    # --- Reading ------------------------------------------------------------------------------------------------------
    def handle_text(self, event: Frame) -> None:
        """Offers a whole text to the application first: past the queue and a task switch it costs 11 % less."""
        if event.fin and self.on_text is not None and self.queue.empty() and not self.close_sent:
            try:
                if self.on_text(str(event.data, "utf-8")):
                    return
            except UnicodeDecodeError:  # the library says so
                pass
        super().handle_text(event)

    def data_received(self, data: bytes) -> None:
        if self.conn.parser_exc is None:  # what comes after a broken frame is read, and dropped
            try:
                super().data_received(data)
            except InvalidState:  # a broken frame before we have answered the handshake: no close frame is possible
                self.transport.abort()

    # --- Heartbeat ----------------------------------------------------------------------------------------------------
    def send_keepalive_ping(self) -> None:
        """Any pong answers, until the next ping is due. One timer, and no frame is composed or parsed: 13 -> 4 us."""
        self.ping_timer = None
        if self.pong_owed:
            self.keepalive_timeout()
        elif not (self.close_sent or self.transport.is_closing()):
            self.pong_owed = True
            self.transport.write(PING)
            self.schedule_ping()

    def handle_pong(self, event: Frame) -> None:  # noqa: ARG002
        self.pong_owed = False

    # --- The end ------------------------------------------------------------------------------------------------------
    def handle_parser_exception(self) -> None:
        """Closes the writing half only: a line closed over unread bytes is reset, and its close code is lost."""
        close = self.conn.close_sent
        if close is None:  # the same
            self.transport.abort()
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.write_eof()
        if self.read_paused:
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def shutdown(self) -> None:
        if self.handshake_complete and not self.close_sent:
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": SHUTDOWN.code, "reason": SHUTDOWN.reason})
            self.conn.send_close(SHUTDOWN.code, SHUTDOWN.reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.transport.close()
        else:
            super().shutdown()


def main() -> None:
    """Starts WORKERS processes (default 1) on CHAT_HOST (default 127.0.0.1) and PORT; more than one needs Redis."""
    start.load_settings()
    start.log_unknown_variables()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again when all is done, to end with 143
    options = start.or_exit(_options)
    start.require_free_port(options["host"], options["port"])
    with _shared_metrics() if options["workers"] > 1 else nullcontext():
        uvicorn.run("chatsite.asgi:application", **options)


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """A folder in which the workers share their metrics; the library finds it by this variable when they import it."""
    with TemporaryDirectory(prefix="chat-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def _options() -> dict[str, Any]:
    return {
        "host": environment.text("CHAT_HOST", default="127.0.0.1"),
        "port": settings.PORT,
        "workers": _workers(),
        "loop": "auto",  # uvloop, which Windows does not have
        "http": "chatsite.server:HttpProtocol",
        "ws": "chatsite.server:ChatProtocol",
        "ws_max_size": conf.CHAT_MAX_FRAME_BYTES or sys.maxsize,
        "ws_ping_interval": conf.CHAT_HEARTBEAT_S,
        "ws_ping_timeout": conf.CHAT_HEARTBEAT_S,
        "ws_per_message_deflate": False,  # 37 KB a socket, and the same frame deflated for each recipient
        "timeout_graceful_shutdown": GRACE_S,
        "forwarded_allow_ips": environment.networks("CHAT_TRUSTED_PROXIES", default=["127.0.0.1", "::1"]),
        "log_config": None,
        "access_log": False,
        "server_header": False,
    }


def _workers() -> int:
    workers = environment.number("WORKERS", default=1, minimum=1)
    if workers > 1 and not conf.CHAT_REDIS_URL:
        raise ImproperlyConfigured(
            "WORKERS is over 1: set REDIS_URL (or REDIS_HOST), by which the processes reach each other."
        )
    return workers


if __name__ == "__main__":
    main()
