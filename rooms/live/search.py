"""Keeps the search up to what is stored: soon after a message, and at the next sweep after any other change."""

import asyncio
from collections.abc import Callable, Iterable

from monitoring import metrics
from rooms import database
from rooms.conf import conf
from rooms.services import search
from rooms.storage import StoredMessage

IDLE_SHARE = 50  # percent, while no messages are stored


class Indexer:
    def __init__(self, clock: Callable[[], float], every_s: float) -> None:
        """`every_s` is between two sweeps."""
        self._clock, self._every_s = clock, every_s
        self._behind: set[int] = set()
        self._next_sweep = 0.0
        self._is_busy = False  # whether this process stores messages meanwhile

    def stored(self, messages: Iterable[StoredMessage]) -> None:
        """These messages are new; what is stored between two ticks is indexed together."""
        self._behind.update([message.room_id for message in messages])
        self._is_busy = True

    async def tick(self) -> None:
        """Goes on while a room has more, a part of each in turn: none waits until a large one is done."""
        is_left = bool(conf.CHAT_SEARCH_SHARE)
        while is_left:
            if self._clock() >= self._next_sweep:
                self._next_sweep = self._clock() + self._every_s
                await self._sweep()
            behind, self._behind = self._behind, set()
            left = [room_id for room_id in sorted(behind) if await self._index(room_id)]
            self._behind.update(left)
            is_left = bool(left)

    async def _index(self, room_id: int) -> bool:
        """Whether there is more. Takes no more than its share of the time while messages are stored."""
        began, self._is_busy = self._clock(), False
        is_behind = await database.call(search.index_room, room_id=room_id)
        share = conf.CHAT_SEARCH_SHARE if self._is_busy else max(conf.CHAT_SEARCH_SHARE, IDLE_SHARE)
        await asyncio.sleep((self._clock() - began) * (100 / share - 1))
        return is_behind

    async def _sweep(self) -> None:
        """Finds what other ways, other processes and a crash have left."""
        behind = await database.call(search.rooms_behind)
        metrics.search_behind(sum(behind.values()))
        self._behind.update(behind)
