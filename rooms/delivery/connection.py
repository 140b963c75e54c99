"""One client's way out: a bounded outbox over an ASGI `send`, or over a server that takes whole frames.

Offers never wait. Knows nothing of rooms' contents: what it carries besides is its owner's (`identity`, `rooms`).
"""

import asyncio
import sys
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any, Protocol, cast

from chatsite.closes import SLOW_CONSUMER, Close
from monitoring import metrics
from rooms import protocol
from rooms.delivery.events import Encoded
from rooms.delivery.recipients import Write

Send = Callable[[dict[str, Any]], Awaitable[None]]
GONE = Close(1006, "", "The line broke; no frame says so.")
CLOSE_TIMEOUT_S = 5.0  # a peer that reads nothing cannot take a close frame either: then the line is cut


class FrameSocket(Protocol):
    """What our production server offers beyond ASGI (chatsite.server).

    It asks `on_text` to take a text before it queues it, and writes frames that are encoded already: `on_writable` is
    told by which function, at once and whenever that changes; None while it takes none.
    """

    on_text: Callable[[str], bool] | None

    def watch(self, on_writable: "Callable[[Write | None], None]") -> None: ...
    def abort(self) -> None: ...


class Connection:
    __slots__ = (
        "__weakref__", "_accepts", "_compress_bytes", "_cut", "_limit", "_max_pending", "_outbox", "_outbox_bytes",
        "_pump", "_send", "_settled", "_socket", "_socket_write", "address", "closing", "id", "identity", "pending",
        "rooms", "timer", "write", "write_up_to",
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
        self._send = send
        self._cut = on_cut
        self._socket = socket
        self._limit = limit_bytes
        self._compress_bytes = compress_bytes or sys.maxsize
        self.accepts = frozenset()
        self._max_pending = max_pending or sys.maxsize
        self._outbox: deque[Encoded] = deque()
        self._outbox_bytes = 0
        self._pump: asyncio.Task[None] | None = None
        self._settled: asyncio.Event | None = None
        self.write: Write | None = None  # while nothing is in the way: frames go past all the rest
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

    def send(self, frame: protocol.Frame) -> None:
        metrics.sent(1)
        self.offer(Encoded(protocol.encode(frame)))

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None:
        """Sends at once if the socket takes it, else queues it in order; under pressure ephemeral frames go first."""
        if len(frame.payload) > self.write_up_to:
            frame = frame.compressed
        if self.write is not None:  # by the one function that is needed: 7.6 -> 6.6 us for each of 1,000 recipients
            self.write(frame.wire)
            return
        if self.closing is not None or (self._pump is None and self._sent(frame)):
            return
        size = self._outbox_bytes + len(frame.payload)
        if self._limit and size > (self._limit // 2 if ephemeral else self._limit):
            if not ephemeral:
                self.close(SLOW_CONSUMER)
            return
        self._outbox.append(frame)
        self._outbox_bytes = size
        if self._pump is None:
            self._start_pump()

    def close(self, close: Close) -> None:
        """Sends what waits (a slow consumer's is dropped), then the close frame. Only the first close counts."""
        if self.closing is not None:
            return
        self.closing, self.write = close, None
        if close is SLOW_CONSUMER:
            self._outbox.clear()
        if self._pump is None:
            self._start_pump()
        self.set_timer(CLOSE_TIMEOUT_S, self._abort)

    def ended(self) -> None:
        """The socket is gone: nothing is sent any more, no timer is left."""
        self.closing, self.write = self.closing or GONE, None
        self._outbox.clear()
        self.set_timer(0, None)
        if self._pump is not None:
            self._pump.cancel()

    def set_timer(self, seconds: float, call: Callable[[], None] | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(seconds, call) if call else None

    def _abort(self) -> None:
        if self._socket is not None:
            self._socket.abort()
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

    def _start_pump(self, first: Awaitable[None] | None = None) -> None:
        self.write = None
        self._pump = asyncio.ensure_future(self._drain(first))

    def _sent(self, frame: Encoded) -> bool:
        """True when the frame is out or was given to the pump as its first; False when the socket is full."""
        if self._socket is not None:
            return False
        # An ASGI send that does not block runs to its end right here: 1-2 us, where a task costs a switch. One that
        # does block is left to a task, from the point where it stands.
        step = cast(Coroutine[Any, Any, None], self._send({"type": "websocket.send", "text": frame.text}))
        try:
            waiting = step.send(None)
        except StopIteration:
            return True
        except Exception:  # noqa: BLE001 - the peer is gone, in the words of whatever server; it tells the owner's loop
            return True
        self._start_pump(_continued(step, waiting))
        return True

    async def _drain(self, first: Awaitable[None] | None = None) -> None:
        try:
            if first is not None:
                await first
            while self._outbox:
                frame = self._outbox.popleft()
                self._outbox_bytes -= len(frame.payload)
                await self._send({"type": "websocket.send", "text": frame.text})
            if self.closing is not None:
                await self._send({"type": "websocket.close", "code": self.closing.code, "reason": self.closing.reason})
        except Exception:  # noqa: BLE001 - the same
            self._outbox.clear()
        finally:
            self._pump = None
            self._on_writable(self._socket_write)


@coroutine
def _continued(step: Coroutine[Any, Any, None], waiting: Any) -> Generator[Any, Any, None]:
    """Awaits the rest of a coroutine that was started by hand and now waits for the future it yielded."""
    while True:
        try:
            value = yield waiting
        except BaseException as error:  # noqa: BLE001 - cancellation too goes on to the coroutine
            resume = partial(step.throw, error)
        else:
            resume = partial(step.send, value)
        try:
            waiting = resume()
        except StopIteration:
            return
