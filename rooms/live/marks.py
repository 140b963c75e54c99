"""What members of this process's connections have read, gathered and written together.

The first mark of a quiet moment is written at once; those that come within CHAT_MARKS_INTERVAL_MS share the next write,
of each member the furthest. So each member costs one write in that time, whatever they send. A mark that cannot be
written is answered `unavailable` and forgotten: the next one says more. Knows no command.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from rooms import database
from rooms.conf import conf
from rooms.errors import ChatError, Internal, Unavailable
from rooms.live.presence import Presence
from rooms.services import marks
from rooms.services.marks import Marked, Wish

log = structlog.get_logger(__name__)
ROWS_AT_ONCE = 200  # in one statement: messages wait for it on SQLite, a millisecond or two
Reply = Callable[[Marked | ChatError], None]
Key = tuple[int, Any, int | None]  # room, user, version


class Marks:
    def __init__(self, presence: Presence, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._presence, self._spawn = presence, spawn
        self._waiting: dict[Key, tuple[Wish, list[Reply]]] = {}
        self._writing = asyncio.Lock()
        self._is_running = False

    def add(self, wish: Wish, reply: Reply | None = None) -> None:
        """Has a mark moved; `reply` is called when it is written, or with what refuses it."""
        key = (wish.room_id, wish.user_id, wish.version)
        before, replies = self._waiting.get(key, (wish, []))
        self._waiting[key] = (wish if wish.seq >= before.seq else before, replies)
        if reply is not None:
            replies.append(reply)
        if not self._is_running:
            self._is_running = True
            self._spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self.flush()
                await asyncio.sleep(conf.CHAT_MARKS_INTERVAL_MS / 1000)
        finally:
            self._is_running = False

    async def flush(self, user_id: Any = None) -> None:
        """Writes what waits, of one user or of all, and returns when that, and what was being written, is done."""
        if user_id is not None and not self._is_running:
            return
        async with self._writing:
            keys = [key for key in self._waiting if user_id in (None, key[1])]
            waiting = [self._waiting.pop(key) for key in keys]
            for start in range(0, len(waiting), ROWS_AT_ONCE):
                await self._write(waiting[start : start + ROWS_AT_ONCE])

    async def _write(self, waiting: list[tuple[Wish, list[Reply]]]) -> None:
        wishes = [wish for wish, _ in waiting]
        answers: list[Marked | ChatError]
        try:
            crowded = await self._crowded({wish.room_id for wish in wishes})
            answers = await database.call(marks.mark_read, wishes, crowded=crowded)
        except Exception as error:
            log.warning("marks.not_written", marks=len(wishes), exc_info=not isinstance(error, ChatError))
            answers = [error if isinstance(error, ChatError) else Internal()] * len(wishes)
        for (_, replies), answer in zip(waiting, answers, strict=True):
            for reply in replies:
                reply(answer)

    async def _crowded(self, room_ids: set[int]) -> set[int]:
        """Rooms that are not sent who has read what: too many people are in them, or nobody knows how many."""
        limit = conf.CHAT_MAX_RECEIPT_MEMBERS
        if not limit:
            return set()
        try:
            counts = await self._presence.counts(room_ids)
        except Unavailable:  # nobody knows: so only the readers' own connections are sent it
            return room_ids
        return {room_id for room_id in room_ids if counts[room_id] > limit}
