"""One client's bounded outbox, over an ASGI `send` or over a server that takes encoded frames.

Sending never waits. Knows nothing of rooms' contents: what it carries besides is its owner's (`identity`, `rooms`).
"""

import asyncio
import sys
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from monitoring import metrics
from rooms.closes import SLOW_CONSUMER, Close
from rooms.live.broadcast import Write
from rooms.live.events import Encoded
from rooms.protocol.codec import encode
from rooms.protocol.frames.base import Frame

Send = Callable[[dict[str, Any]], Awaitable[None]]
GONE = Close(1006, "", "The connection broke; no frame says so.")
CLOSE_TIMEOUT_S = 5.0  # a peer that reads nothing for this long will not read a close frame either: it is disconnected


class FrameSocket(Protocol):
    """What our production server offers beyond ASGI (chatsite.socket_protocol).

    It writes frames that are encoded already: `on_writable` is called with the function that writes, at once and
    whenever that changes; with None while it takes none. `unsent_bytes` is what the kernel has not taken yet. It offers
    each text to `on_text` before it queues it.
    """

    on_text: Callable[[str], bool] | None

    def watch(self, on_writable: "Callable[[Write | None], None]") -> None: ...
    def unsent_bytes(self) -> int: ...
    def abort(self) -> None: ...


class Connection:
    __slots__ = (
        "__weakref__", "_accepts", "_compress_bytes", "_cut", "_drained", "_limit", "_max_pending", "_outbox",
        "_outbox_bytes", "_pump", "_send", "_sending_bytes", "_settled", "_socket", "_socket_write", "address",
        "closing", "id", "identity", "pending", "rooms", "timer", "write", "write_up_to",
    )  # fmt: skip

    def __init__(
        self,
        send: Send,
        *,
        limit_bytes: int,
        compress_bytes: int = 0,
        max_pending: int = 0,
        on_cut: Callable[[], object],
        socket: FrameSocket | None = None,
        address: str = "",
    ) -> None:
        """`limit_bytes` bounds what waits for a slow reader (0: no bound); `on_cut` ends the owner's loop by force.

        Frames over `compress_bytes` are compressed for a client that accepts it (0: none is). It `is_full` while
        `max_pending` of its messages wait to be stored (0: never).
        """
        self.id = uuid.uuid4().hex
        self.address = address
        self.identity: Any = None
        self.rooms: dict[str, Any] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.pending = 0  # messages sent by this client that are not stored yet
        self.closing: Close | None = None
        self._send: Send | None = send
        self._cut: Callable[[], object] | None = on_cut
        self._socket = socket
        self._limit = limit_bytes
        self._compress_bytes = compress_bytes or sys.maxsize
        self.accepts = frozenset()
        self._max_pending = max_pending or sys.maxsize
        self._outbox: deque[Encoded] = deque()
        self._outbox_bytes = self._sending_bytes = 0
        self._drained: asyncio.Event | None = None
        self._pump: asyncio.Task[None] | None = None
        self._settled: asyncio.Event | None = None
        self.write: Write | None = None  # while the socket is free and the outbox empty: frames bypass the outbox
        self._socket_write: Write | None = None
        if socket is not None:
            socket.watch(self._on_writable)

    @property
    def accepts(self) -> frozenset[str]:
        """Additions to the base protocol that this client understands."""
        return self._accepts

    @accepts.setter
    def accepts(self, accepts: frozenset[str]) -> None:
        self._accepts = accepts
        self.write_up_to = self._compress_bytes if "compressed" in accepts else sys.maxsize

    def send(self, frame: Frame) -> None:
        metrics.sent(1)
        self.offer(Encoded(encode(frame)))

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None:
        """Sends at once if nothing is in the way, else queues it in order; under pressure ephemeral frames go first.

        An outbox within its limit takes one frame of any size, or a large answer could never be sent.
        """
        if len(frame.payload) > self.write_up_to:
            frame = frame.compressed
        if self.write is not None:
            self.write(frame.wire)
            return
        if self.closing is not None:
            return
        if self._limit and self._outbox_bytes > (self._limit // 2 if ephemeral else self._limit):
            if not ephemeral:
                self.close(SLOW_CONSUMER)
            return
        self._outbox.append(frame)
        self._outbox_bytes += len(frame.payload)
        self._start_pump()

    async def drained(self) -> None:
        """Waits until the client has read most of what it was sent: then it can be sent another large answer.

        Returns at once while nothing is in the way, without a limit, and when the connection closes.
        """
        while self._limit and self.closing is None and self._unsent_bytes() > self._limit // 2:
            self._drained = self._drained or asyncio.Event()
            await self._drained.wait()

    def _unsent_bytes(self) -> int:
        unsent = self._outbox_bytes + self._sending_bytes
        return unsent + self._socket.unsent_bytes() if self._socket is not None and self.write is None else unsent

    def close(self, close: Close) -> None:
        """Sends what waits (a slow consumer's is dropped), then the close frame. Only the first close counts."""
        if self.closing is not None:
            return
        self.closing, self.write = close, None
        if close is SLOW_CONSUMER:
            self._drop_outbox()
        self._wake()
        self._start_pump()
        self._cut_when_stuck(sys.maxsize)

    def ended(self) -> None:
        """The socket is gone: nothing is sent any more, and nothing holds the connection in a cycle."""
        self.closing, self.write = self.closing or GONE, None
        self._drop_outbox()
        self.set_timer(0, None)
        self._wake()
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        self._send = self._cut = self._socket = self._socket_write = None

    def set_timer(self, seconds: float, call: Callable[[], None] | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(seconds, call) if call else None

    def _cut_when_stuck(self, unsent_before: int) -> None:
        """Ends a closing connection by force when its peer has read nothing for CLOSE_TIMEOUT_S."""
        unsent = self._unsent_bytes()
        if 0 < unsent < unsent_before or unsent_before == sys.maxsize:
            self.set_timer(CLOSE_TIMEOUT_S, lambda: self._cut_when_stuck(unsent))
            return
        if self._socket is not None:
            self._socket.abort()
        if self._cut is not None:
            self._cut()

    @property
    def is_full(self) -> bool:
        return self.pending >= self._max_pending

    def message_sent(self) -> None:
        self.pending += 1

    def message_settled(self) -> None:
        self.pending -= 1
        if not self.pending and self._settled is not None:
            self._settled.set()
            self._settled = None

    async def settled(self) -> None:
        """Waits until all messages this client has sent are stored or refused, so that its commands act in order."""
        if self.pending:
            self._settled = self._settled or asyncio.Event()
            await self._settled.wait()

    def _on_writable(self, write: Write | None) -> None:
        self._socket_write = write
        self.write = write if self._pump is None and self.closing is None else None
        self._wake()

    def _start_pump(self) -> None:
        if self._pump is None and self._send is not None:
            self.write = None
            self._pump = asyncio.ensure_future(self._drain(self._send))

    async def _drain(self, send: Send) -> None:
        try:
            while self._outbox:
                frame = self._outbox.popleft()
                self._sending_bytes = len(frame.payload)  # what is being sent does not count against the limit
                self._outbox_bytes -= self._sending_bytes
                await send({"type": "websocket.send", "text": frame.text})
                self._sending_bytes = 0
                self._wake()
            if self.closing is not None:
                await send({"type": "websocket.close", "code": self.closing.code, "reason": self.closing.reason})
        except Exception:  # noqa: BLE001 - the peer is gone, each server raises its own; the owner's loop gets an event
            self._drop_outbox()
        finally:
            self._pump, self._sending_bytes = None, 0
            self._on_writable(self._socket_write)

    def _drop_outbox(self) -> None:
        self._outbox.clear()
        self._outbox_bytes = 0

    def _wake(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None
