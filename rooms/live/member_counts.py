"""How many people are in a large room: sent once for all who come and go within a second, instead of each of them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from rooms.live import topics
from rooms.live.bus import Bus
from rooms.live.events import Event
from rooms.live.presence import Presence
from rooms.protocol.codec import encode
from rooms.protocol.frames.presence import RoomMembers

EVERY_S = 1.0


class MemberCounts:
    def __init__(self, bus: Bus, presence: Presence, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._bus, self._presence, self._spawn = bus, presence, spawn
        self._pending: set[int] = set()  # rooms whose people will be sent the count

    def changed(self, room_id: int, name: str) -> None:
        """Somebody came or left."""
        if room_id not in self._pending:
            self._pending.add(room_id)
            self._spawn(self._send(room_id, name))

    async def _send(self, room_id: int, name: str) -> None:
        await asyncio.sleep(EVERY_S)
        self._pending.discard(room_id)
        counts = await self._presence.counts([room_id])
        frame = RoomMembers(room_id=name, member_count=counts[room_id])
        self._bus.publish([Event(topics.of_room(room_id), encode(frame))])
