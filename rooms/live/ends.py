"""Mutes and bans of rooms that end: the person's open connections are sent that when it happens, in every process.

A process looks every few seconds for those that end next, and soon after somebody's rights have changed; so a restart
forgets nothing, and nothing is asked for each person.
"""

from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from rooms import database
from rooms.live import notices
from rooms.live.connection import Connection
from rooms.live.events import Encoded
from rooms.live.rights import Rights
from rooms.services import ends
from rooms.services.ends import Ending

TICK_S = 0.5
AHEAD_S = 10.0  # how far it looks beyond the next look


class Ends:
    def __init__(
        self,
        connections: dict[str, Connection],
        rights: Rights,
        clock: Callable[[], float],
        every_s: float,
    ) -> None:
        """`every_s` is between two looks."""
        self._connections, self._rights, self._clock, self._every_s = connections, rights, clock, every_s
        self._waiting: set[Ending] = set()
        self._told: set[Ending] = set()  # since the last look
        self._looked_at: datetime = timezone.now()
        self._next_look = 0.0
        self._changes = 0  # of rights, that were there at the last look

    async def tick(self) -> None:
        """To be called every TICK_S."""
        if not self._connections:
            return
        if self._clock() >= self._next_look or self._changes != self._rights.changes:
            self._next_look, self._changes = self._clock() + self._every_s, self._rights.changes
            await self._look()
        now = timezone.now()
        due = {ending for ending in self._waiting if ending.at <= now}
        self._waiting -= due
        self._told |= due
        here = {one.identity.key for one in self._connections.values() if one.identity is not None} if due else set()
        if mine := [ending for ending in due if ending.user_key in here]:
            for key, frame in await database.call(ends.notices, ended=mine):  # as it is now: maybe prolonged, or lifted
                notices.send(self._connections, key, Encoded(frame))

    async def _look(self) -> None:
        """Finds too what has ended since the last look: it may have been noted only then."""
        since, self._looked_at = self._looked_at, timezone.now()
        found = await database.call(ends.endings, since=since, within_s=self._every_s + AHEAD_S)
        self._waiting = found - self._told
        self._told = {ending for ending in self._told if ending.at > self._looked_at}
