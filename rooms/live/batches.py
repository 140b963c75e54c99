"""Events of one room that share a frame, for the members who accept `message-batch`.

The first event of a quiet room leaves at once; those that follow within the interval share the next frame. A
batch is encoded once, for all its recipients.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
from django.utils import timezone

from monitoring import metrics
from rooms.conf import conf
from rooms.live.broadcast import Recipient, broadcast
from rooms.live.events import Encoded
from rooms.protocol.codec import encode
from rooms.protocol.frames.history import MessageBatch
from rooms.protocol.rules import timestamp

CallLater = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


class Batch:
    __slots__ = ("_call_later", "_room", "_timer", "_waiting", "members")

    def __init__(self, room: str, call_later: CallLater) -> None:
        self.members: dict[Recipient, None] = {}
        self._room = room
        self._call_later = call_later
        self._waiting: list[Encoded] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, frames: list[Encoded]) -> None:
        """Sends events, alone or with others; at most CHAT_BATCH_SIZE share a frame."""
        self._waiting += frames
        if self._timer is None or len(self._waiting) >= conf.CHAT_BATCH_SIZE:
            self.flush()
            self._wait()

    def send_ephemeral(self, frame: Encoded, *, skip: str = "") -> None:
        """Sends an ephemeral event at once, behind what waits, to all but one."""
        self.flush()
        for member in self.members:
            if member.id != skip:
                member.offer(frame, ephemeral=True)
        metrics.sent(len(self.members))

    def flush(self) -> None:
        """Sends what waits. A new member must not get what was said before: flush first."""
        waiting, self._waiting = self._waiting, []
        size = conf.CHAT_BATCH_SIZE
        for start in range(0, len(waiting), size):
            self._send_together(waiting[start : start + size])

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        self.close()
        self._timer = self._call_later(conf.CHAT_BATCH_INTERVAL_MS / 1000, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._waiting:
            self.flush()
            self._wait()

    def _send_together(self, frames: list[Encoded]) -> None:
        if len(frames) == 1:
            broadcast(self.members, frames)
            return
        events = cast(Any, [msgspec.Raw(frame.payload) for frame in frames])  # encoded once: they go in as they are
        now = timestamp(timezone.now())
        batch = MessageBatch(room_id=self._room, messages=events, timestamp=now)
        broadcast(self.members, [Encoded(encode(batch))])
