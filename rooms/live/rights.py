"""Authorization that is kept between two reads of the database: of open connections, and of callers with a token.

Users whose rights may have changed are re-checked in every process. The bus announces changes at once; those it loses
are found by polling the notes in the database.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from time import time
from typing import Any

from rooms import callers, database, guesses
from rooms.callers import Identity
from rooms.live.connection import Connection
from rooms.services import rights

CALLERS = 10_000  # remembered tokens; reading one again takes 0.5 ms of CPU, ten times the rest of a request
POLL_S = 1.0  # what a moderator does holds within a second, also when its announcement was lost
LATE_COMMIT_S = 30.0  # a note has the time of its statement, and is committed at most this much later


class Rights:
    def __init__(
        self, connections: dict[str, Connection], recheck: Callable[[Connection], object], clock: Callable[[], float]
    ) -> None:
        """`recheck(connection)` starts to compare an open connection with what its user may do now."""
        self.changes = 0  # how often somebody's rights have changed since the start
        self._connections, self._recheck, self._clock = connections, recheck, clock
        self._callers: dict[str, Identity] = {}  # by token
        self._seen: set[tuple[str, datetime]] = set()
        self._polled_at = clock()

    async def identify(self, token: str, address: str) -> Identity:
        """The caller with this access token, remembered until their rights change.

        Raises AuthRequired, AuthExpired, and RateLimited after too many wrong tokens of this address.
        """
        known = self._callers.get(token)
        if known is not None and (known.expires_at or 0) > time():
            return known
        changes = self.changes
        caller = await database.call(_by_token, token, address)
        if self.changes == changes:  # else it may have been read before this user's rights changed
            if len(self._callers) >= CALLERS:
                del self._callers[next(iter(self._callers))]
            self._callers[token] = caller
        return caller

    def recheck_users(self, user_ids: Iterable[Any]) -> None:
        keys = frozenset(map(str, user_ids))
        self.changes += bool(keys)
        for token in [token for token, caller in self._callers.items() if caller.key in keys]:
            del self._callers[token]
        for connection in list(self._connections.values()):
            if connection.identity is not None and connection.identity.key in keys:
                self._recheck(connection)

    def recheck(self, connection: Connection) -> None:
        """Somebody's rights have changed while this connection entered a room: maybe its user's."""
        self._recheck(connection)

    def recheck_rooms(self, room_ids: Iterable[int]) -> None:
        rooms = frozenset(room_ids)
        for connection in list(self._connections.values()):
            if not rooms.isdisjoint([room.room_id for room in connection.rooms.values()]):
                self._recheck(connection)

    async def poll(self) -> None:
        """Finds changes that did not arrive by the bus: lost on the way, or made where no bus is running."""
        now = self._clock()
        changes = await database.call(rights.changes, within_s=now - self._polled_at + LATE_COMMIT_S)
        self.recheck_users([key for key, _ in changes - self._seen])
        self._seen, self._polled_at = changes, now


def _by_token(token: str, address: str) -> Identity:
    with guesses.token(address=address, door="rest"):
        return callers.by_token(token)
