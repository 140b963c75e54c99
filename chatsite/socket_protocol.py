"""uvicorn's WebSocket protocol with our close reasons, pre-encoded frames, and bounds on what a peer costs.

A peer that floods with control frames or fragments is closed before they cost more than its share; what any of them
means is the library's business, and what a text means is the application's.
"""

import logging
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request

from rooms.closes import SHUTDOWN, TOO_MANY_FRAMES
from rooms.conf import conf

quiet = logging.getLogger("uvicorn.websockets")
quiet.setLevel(logging.WARNING)
LINGER_S = 5  # time for a peer that sent a broken frame to read the close code and close
PING, PONG = b"\x89\x00", b"\x8a"
PIECE_BYTES = 2_048  # handled before it is asked whether a peer floods: at most 341 frames of nothing
BURST_S = 10  # control frames of this long at once are no flood: the longest message in fragments of 128 bytes is 512


class ChatProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which also writes frames that are encoded already."""

    on_writable: Callable[[Callable[[bytes], None] | None], None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = quiet  # the consumer logs `socket.opened` and `socket.closed`
        self.pong_owed = False
        self.pong = b""  # the answer to the newest ping, while the peer does not read
        self.is_dropping = False  # the peer floods, and was sent a close frame
        self.frames_allowed, self.counted_at = float(BURST_S * conf.CHAT_MAX_CONTROL_FRAMES), self.loop.time()
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
        self._send_pong()
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
        if not event.fin and self._is_flood():
            return
        if event.fin and self.on_text is not None and self.queue.empty() and not self.close_sent:
            try:
                if self.on_text(str(event.data, "utf-8")):
                    return
            except UnicodeDecodeError:  # the library says so
                pass
        super().handle_text(event)

    def data_received(self, data: bytes) -> None:
        if len(data) > PIECE_BYTES:
            for start in range(0, len(data), PIECE_BYTES):
                self._receive(data[start : start + PIECE_BYTES])
        else:
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        if self.is_dropping or self.conn.parser_exc is not None:
            return
        try:
            super().data_received(data)
        except InvalidState:  # a broken frame before we have answered the handshake: no close frame is possible
            self.transport.abort()

    # --- Floods -------------------------------------------------------------------------------------------------------
    def handle_cont(self, event: Frame) -> None:
        if self._is_flood():
            return
        if event.data or event.fin:  # an empty piece adds nothing but memory
            super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answers the newest ping only, as RFC 6455 (5.5.3) allows, and not before the peer has read what was sent."""
        frames = self.conn.data_to_send()  # of all pings in this piece, and of a close behind them
        pongs = [frame for frame in frames if frame[:1] == PONG]
        self.pong = pongs[-1] if pongs else self.pong
        if self._is_flood():
            return
        self._send_pong()
        if rest := b"".join(frame for frame in frames if frame[:1] != PONG):
            self.transport.write(rest)

    def _send_pong(self) -> None:
        if self.pong and self.writable.is_set() and not (self.close_sent or self.transport.is_closing()):
            self.transport.write(self.pong)
            self.pong = b""

    def _is_flood(self) -> bool:
        """Counts a frame that carries no whole message; True: there were too many, and the peer is being closed."""
        most, now = conf.CHAT_MAX_CONTROL_FRAMES, self.loop.time()
        self.frames_allowed = min(BURST_S * most, self.frames_allowed + most * (now - self.counted_at)) - 1
        self.counted_at = now
        if most and self.frames_allowed < 0 and not self.is_dropping:
            self.is_dropping = True
            self.conn.fail(TOO_MANY_FRAMES.code, TOO_MANY_FRAMES.reason)
            self.handle_parser_exception()
            self.read_paused = False  # or the application's next `receive` resumes it
            self.transport.pause_reading()  # reading to drop it took 40 % of a core
        return self.is_dropping

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
        if not self._is_flood():
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
