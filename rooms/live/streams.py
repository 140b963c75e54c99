"""Pieces of texts that bots write by this process's connections, gathered and written together.

The first piece of a quiet moment is written at once; those that come before the next tick share one transaction, and of
each message one part and one event: so a message costs CHAT_STREAM_FRAMES of both in a second, however many pieces
come. A piece is answered when it is committed; one that cannot be written is refused and forgotten, and its bot, which
knows the offset, sends it again. Nothing runs while nothing is written. Knows no command.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from rooms import database
from rooms.conf import conf
from rooms.errors import ChatError, Internal, Unavailable
from rooms.live.bus import Bus
from rooms.services import stream_ends, streams
from rooms.services.stream_parts import Answer, Appended, NewPart

log = structlog.get_logger(__name__)
TEXTS_AT_ONCE = 100  # in one transaction: messages wait for it on SQLite, some milliseconds
Reply = Callable[[Answer], None]
Waiting = list[tuple[NewPart, Reply]]


class Streams:
    def __init__(
        self,
        bus: Bus,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bus, self._spawn, self._pause = bus, spawn, pause
        self._waiting: dict[int, Waiting] = {}  # by message
        self._pieces = 0
        self._writing = asyncio.Lock()
        self._is_running = False

    def append(self, part: NewPart, reply: Reply) -> None:
        """Has a piece written and broadcast; `reply` is called then, or with what refuses it. Unavailable when too many
        wait.
        """
        if self._pieces >= conf.CHAT_WRITE_QUEUE_MESSAGES:
            raise Unavailable("Too much is waiting to be stored")
        self._pieces += 1
        self._waiting.setdefault(part.message_id, []).append((part, reply))
        if not self._is_running:
            self._is_running = True
            self._spawn(self._run())

    async def appended(self, part: NewPart) -> Appended:
        """The same, awaited; raises what refuses it."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def reply(answer: Answer) -> None:
            if not answered.done():  # the caller may have gone
                answered.set_result(answer)

        self.append(part, reply)
        answer = await answered
        if isinstance(answer, ChatError):
            raise answer
        return answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self.flush()
                if conf.CHAT_STREAM_FRAMES:
                    await self._pause(1 / conf.CHAT_STREAM_FRAMES)
        finally:
            self._is_running = False

    async def flush(self) -> None:
        """Writes what waits, and returns when that, and what was being written, is done."""
        async with self._writing:
            texts, self._waiting, self._pieces = list(self._waiting.values()), {}, 0
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                await self._write(texts[start : start + TEXTS_AT_ONCE])

    async def _write(self, texts: list[Waiting]) -> None:
        waiting = [one for pieces in texts for one in pieces]
        answers: list[Answer]
        try:
            answers, events = await database.call(streams.append, [part for part, _ in waiting])
            self._bus.publish(events)
        except ChatError as error:
            log.warning("streams.not_written", code=error.code, pieces=len(waiting))
            answers = [error] * len(waiting)
        except Exception:
            if len(texts) > 1:  # one of them fails, and the others must not fail with it
                for pieces in texts:
                    await self._write([pieces])
                return
            log.exception("streams.failed")
            answers = [Internal()] * len(waiting)
        for (_, reply), answer in zip(waiting, answers, strict=True):
            try:
                reply(answer)
            except Exception:  # an error of one socket: the others still get their answers
                log.exception("streams.unanswered")

    async def interrupt_idle(self) -> None:
        """Ends the messages of bots that have died, wherever they wrote."""
        await database.call(stream_ends.interrupt_idle)
