"""This process's queue of messages waiting to be stored: while one batch commits, the next one gathers.

So an idle server adds no wait, and a busy one stores hundreds in one transaction. Knows no models, but a `store`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Generic, TypeVar

import structlog

from chatsite.errors import ChatError, Internal, Unavailable
from monitoring import metrics

log = structlog.get_logger(__name__)
T = TypeVar("T")
R = TypeVar("R")
BATCH = 500  # messages in one transaction: its locks are held for some tens of milliseconds at most


class Journal(Generic[T, R]):
    def __init__(self, store: Callable[[list[T]], Awaitable[list[R | ChatError]]], *, capacity: int) -> None:
        """`store` commits a list in one transaction and answers each item; it is called for one list at a time."""
        self._store = store
        self._capacity = capacity
        self._waiting: deque[tuple[T, Callable[[R | ChatError], None]]] = deque()
        self._writer: asyncio.Task[None] | None = None

    def submit(self, item: T, reply: Callable[[R | ChatError], None]) -> None:
        """Takes an item in; `reply` is called once, after its commit or its refusal. Unavailable when too many wait."""
        if len(self._waiting) >= self._capacity:
            raise Unavailable("Too many messages are waiting to be stored", retry_after_ms=1000)
        self._waiting.append((item, reply))
        if self._writer is None:
            self._writer = asyncio.ensure_future(self._write())

    async def flush(self) -> None:
        """Returns when all that was submitted is stored or refused."""
        if self._writer is not None:
            await asyncio.shield(self._writer)

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                answers = await self._commit([item for item, _ in batch])
                for (_, reply), answer in zip(batch, answers, strict=True):
                    _answer(reply, answer)
        finally:
            self._writer = None

    async def _commit(self, items: list[T]) -> list[R | ChatError]:
        start = perf_counter()
        try:
            answers = await self._store(items)
        except ChatError as error:
            log.warning("journal.refused", code=error.code, messages=len(items))
            return [error] * len(items)
        except Exception:
            if len(items) > 1:  # one of them is at fault: the others must not pay for it
                return [answer for item in items for answer in await self._commit([item])]
            log.exception("journal.failed")
            return [Internal()]
        metrics.stored(len(items), perf_counter() - start)
        return answers


def _answer(reply: Callable[[R | ChatError], None], answer: R | ChatError) -> None:
    try:
        reply(answer)
    except Exception:  # one socket's fault: the others of the batch still get their answers
        log.exception("journal.unanswered")
