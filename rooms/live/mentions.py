"""Informs this process's users of messages that concern them, one message after the other.

Messages may come faster than their readers' rights are looked up: of those that wait, the oldest are dropped when they
are too many. Nothing is lost by that, because whoever asks what they have missed finds it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

from rooms import database
from rooms.errors import ChatError
from rooms.live.connection import Connection
from rooms.live.control import Mentioned
from rooms.live.events import Encoded
from rooms.services import missed

log = structlog.get_logger(__name__)
MAX_WAITING = 1_000  # messages
USERS_AT_ONCE = 1_000  # in one statement


class MentionNotices:
    def __init__(
        self, connections: Mapping[str, Connection], spawn: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self._connections, self._spawn = connections, spawn
        self._waiting: deque[Mentioned] = deque(maxlen=MAX_WAITING)
        self._is_running = False

    def add(self, mentioned: Mentioned) -> None:
        """Has those informed who are connected here and not in the room."""
        if not self._concerned(mentioned):
            return
        self._waiting.append(mentioned)
        if not self._is_running:
            self._is_running = True
            self._spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                mentioned = self._waiting.popleft()
                try:
                    await self._inform(mentioned)
                except ChatError as error:
                    log.warning("mentions.not_sent", room=mentioned.room_id, code=error.code)
                except Exception:  # a project's function decides who may see the room of its object
                    log.exception("mentions.failed", room=mentioned.room_id)
        finally:
            self._is_running = False

    async def _inform(self, mentioned: Mentioned) -> None:
        users = list(self._concerned(mentioned))
        for start in range(0, len(users), USERS_AT_ONCE):
            some = users[start : start + USERS_AT_ONCE]
            found = await database.call(missed.notices, message_id=mentioned.message_id, user_ids=some)
            here = self._concerned(mentioned)  # some have entered the room meanwhile
            for user_id, frame in found:
                encoded = Encoded(frame)
                for connection in here.get(user_id, ()):
                    connection.offer(encoded, ephemeral=True)

    def _concerned(self, mentioned: Mentioned) -> Mapping[Any, list[Connection]]:
        """The connections that may get a notice, by the keys of their users."""
        keys, found = frozenset(mentioned.keys), defaultdict(list)
        for connection in self._connections.values():
            identity = connection.identity
            if identity is None or not (mentioned.everybody or identity.key in keys):
                continue
            if all(room.room_id != mentioned.room_id for room in connection.rooms.values()):
                found[identity.user_id].append(connection)
        return found
