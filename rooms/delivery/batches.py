"""Events of one room that share a frame, for the members who accept `message-batch`.

The first event of a quiet room leaves at once; those that follow within the interval wait for each other. A batch is
encoded once, for all who get it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import msgspec
from django.conf import settings
from django.utils import timezone

from monitoring import metrics
from rooms import protocol
from rooms.delivery.events import Encoded

CallLater = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


class Member(Protocol):
    id: str

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None: ...


class Batch:
    __slots__ = ("_call_later", "_room", "_timer", "_waiting", "members")

    def __init__(self, room: str, call_later: CallLater) -> None:
        self.members: dict[Member, None] = {}
        self._room = room
        self._call_later = call_later
        self._waiting: list[Encoded] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, frame: Encoded) -> None:
        """Sends an event, alone or with others; at most CHAT_BATCH_SIZE share a frame."""
        if self._timer is None:
            self._send(frame)
            self._wait()
            return
        self._waiting.append(frame)
        if len(self._waiting) >= settings.CHAT_BATCH_SIZE:
            self.flush()

    def pass_by(self, frame: Encoded, *, skip: str = "") -> None:
        """Sends an ephemeral event at once, behind what waits, to all but one."""
        self.flush()
        for member in self.members:
            if member.id != skip:
                member.offer(frame, ephemeral=True)
        metrics.sent(len(self.members))

    def flush(self) -> None:
        """Sends what waits. Whoever becomes a member must not get what was said before: flush first."""
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            self._send(waiting[0])
        elif waiting:
            events = cast(
                Any, [msgspec.Raw(frame.payload) for frame in waiting]
            )  # encoded once: they go in as they are
            now = protocol.timestamp(timezone.now())
            batch = protocol.MessageBatch(room_id=self._room, messages=events, timestamp=now)
            self._send(Encoded(protocol.encode(batch)))

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        self._timer = self._call_later(settings.CHAT_BATCH_INTERVAL_MS / 1000, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._waiting:
            self.flush()
            self._wait()

    def _send(self, frame: Encoded) -> None:
        for member in self.members:
            member.offer(frame)
        metrics.sent(len(self.members))
