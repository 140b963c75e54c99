"""Informs this process's users of messages that concern them, one message after the other.

Messages may come faster than their readers' rights are looked up: of those that wait, the oldest are dropped when they
are too many. Nothing is lost by that, because whoever asks what they have missed finds it.
"""

import asyncio
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
PAUSE_S = 0.05  # in which more messages come, for which connections are looked through once
Users = dict[Any, list[Connection]]  # by the keys of users


class MentionNotices:
    def __init__(
        self, connections: Mapping[str, Connection], spawn: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self._connections, self._spawn = connections, spawn
        self._waiting: deque[Mentioned] = deque(maxlen=MAX_WAITING)
        self._is_running = False

    def add(self, mentioned: Mentioned) -> None:
        """Has those informed who are connected here and not in the room."""
        self._waiting.append(mentioned)
        if not self._is_running:
            self._is_running = True
            self._spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                some = list(self._waiting)
                self._waiting.clear()
                for mentioned, users in self._concerned(some):
                    await self._attempt(mentioned, users)
                await asyncio.sleep(PAUSE_S)
        finally:
            self._is_running = False

    async def _attempt(self, mentioned: Mentioned, users: Users) -> None:
        try:
            await self._inform(mentioned, users)
        except ChatError as error:
            log.warning("mentions.not_sent", room=mentioned.room_id, code=error.code)
        except Exception:  # a project's function decides who may see the room of its object
            log.exception("mentions.failed", room=mentioned.room_id)

    async def _inform(self, mentioned: Mentioned, users: Users) -> None:
        keys = list(users)
        for start in range(0, len(keys), USERS_AT_ONCE):
            some = keys[start : start + USERS_AT_ONCE]
            found = await database.call(missed.notices, message_id=mentioned.message_id, user_ids=some)
            for user_id, frame in found:
                encoded = Encoded(frame)
                for connection in users[user_id]:
                    if _is_of(connection, user_id) and _is_outside(connection, mentioned.room_id):
                        connection.offer(encoded, ephemeral=True)

    def _concerned(self, some: list[Mentioned]) -> list[tuple[Mentioned, Users]]:
        """These messages with the connections that may get a notice; connections are looked through once for all."""
        wanted = {key for mentioned in some for key in mentioned.keys}
        to_all = any(mentioned.everybody for mentioned in some)
        here: defaultdict[str, list[Connection]] = defaultdict(list)
        for connection in self._connections.values():
            if connection.identity is not None and (to_all or connection.identity.key in wanted):
                here[connection.identity.key].append(connection)
        found = [(mentioned, _outside(mentioned, here)) for mentioned in some]
        return [(mentioned, users) for mentioned, users in found if users]


def _outside(mentioned: Mentioned, here: Mapping[str, list[Connection]]) -> Users:
    """The connections outside the room of those whom a message concerns."""
    users: Users = defaultdict(list)
    for key in here if mentioned.everybody else mentioned.keys:
        for connection in here.get(key, ()):
            if _is_outside(connection, mentioned.room_id):
                users[connection.identity.user_id].append(connection)
    return users


def _is_outside(connection: Connection, room_id: int) -> bool:
    """Whether it is not in the room, and a bot's token opens it."""
    scope = connection.identity.scope
    is_open = scope is None or scope.admits(room_id, is_member=True)
    return is_open and all(room.room_id != room_id for room in connection.rooms.values())


def _is_of(connection: Connection, user_id: Any) -> bool:
    """Whether the connection is still this user's."""
    return connection.identity is not None and connection.identity.user_id == user_id
