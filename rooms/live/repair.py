"""Finds events that were lost on the way and reads them from the database; with the channel layer away this alone keeps
the processes together, only slower."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from rooms import database
from rooms.errors import ChatError
from rooms.live import topics
from rooms.live.connection import Connection
from rooms.live.hub import Hub
from rooms.protocol.frames.history import Heads
from rooms.services.changes import changes_since
from rooms.services.rooms import heads

GAP_WAIT_S = 0.05  # an event of another process that is only late arrives by then
RETRY_S = 1.0


class Repair:
    def __init__(self, hub: Hub, spawn: Callable[[Any], object], on_gone: Callable[[Iterable[int]], None]) -> None:
        """`on_gone(room_ids)` is called for rooms that have members here and are not in the database any more."""
        self._hub, self._spawn, self._on_gone = hub, spawn, on_gone
        self._repairing: set[str] = set()

    def on_gap(self, topic: str) -> None:
        if topic not in self._repairing:
            self._repairing.add(topic)
            self._spawn(self._close_gap(topic))

    async def sweep(self, connections: Iterable[Connection]) -> None:
        """Compares every room with members here with the database, and sends `heads` to those who accept them."""
        rooms = {room_id: topic for topic in self._hub.topics() if (room_id := topics.room_id(topic)) is not None}
        found = await database.call(heads, room_ids=list(rooms))
        for room_id, head in found.items():
            self._hub.expect(rooms[room_id], head)
        if gone := rooms.keys() - found.keys():
            self._on_gone(gone)
        for connection in list(connections):
            if "heads" in connection.accepts and connection.rooms:
                mine = {name: found[room.room_id] for name, room in connection.rooms.items() if room.room_id in found}
                connection.send(Heads(rooms=mine))

    async def _close_gap(self, topic: str) -> None:
        try:
            while True:
                seq = self._hub.seq(topic)
                await asyncio.sleep(GAP_WAIT_S)
                if not self._hub.has_gap(topic):
                    return
                if self._hub.seq(topic) == seq:  # else the missing event has come, and a later one is late
                    await self._read_gap(topic)
        finally:
            self._repairing.discard(topic)

    async def _read_gap(self, topic: str) -> None:
        room_id, after = topics.room_id(topic), self._hub.seq(topic) or 0
        if room_id is None:
            return
        try:
            head, events = await database.call(changes_since, room_id=room_id, after=after)
        except ChatError:
            await asyncio.sleep(RETRY_S)
            return
        self._hub.repair(topic, events, head)
        if head == after:  # the room is gone, or the announced change is not stored: reading again at once is of no use
            await asyncio.sleep(RETRY_S)
