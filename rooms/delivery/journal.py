"""This process's queue of messages waiting to be stored: while one batch commits, the next one gathers.

So an idle server adds no wait, and a busy one stores hundreds in one transaction. Messages for a room that somebody
else holds wait apart, and delay no other room. Knows no models, but a `store`.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from math import inf
from time import perf_counter, process_time
from typing import Generic, TypeVar

import structlog

from chatsite.errors import ChatError, Internal, Unavailable
from monitoring import metrics

log = structlog.get_logger(__name__)
T = TypeVar("T")
R = TypeVar("R")
BATCH = 500  # messages in one transaction: its locks are held for some tens of milliseconds at most
# A commit and the delivery of its messages are followed by a rest, so many times the CPU they took, in which messages
# gather: one is stored and delivered at once by a server that is mostly idle, and a busy one works in larger steps long
# before it has no more to give. 200 messages a second to 200 members: 19 -> 6 us a delivery, and 3 -> 16 ms of delay.
REST = 4.0


class Held(Unavailable):
    """What `store` answers for an item whose room is locked by somebody else: it is not stored yet."""


Store = Callable[[list[T]], Awaitable[list[R | ChatError]]]
Reply = Callable[[R | ChatError], None]


class Journal(Generic[T, R]):
    def __init__(
        self,
        store: "Store[T, R]",
        *,
        capacity: int,
        max_rest_s: float = 0.0,
        lane: Callable[[T], Hashable] = lambda _: None,
        store_held: "Store[T, R] | None" = None,
    ) -> None:
        """`store` commits a list in one transaction and answers each item; it is called for one list at a time.

        Between two lists it rests, the longer the dearer the first one was, for `max_rest_s` at most.
        Items of a `lane` of which one was answered Held go to `store_held`, which waits; each lane keeps its order.
        """
        self._store, self._store_held = store, store_held or store
        self._capacity, self._max_rest_s, self._lane = capacity, max_rest_s, lane
        self._loop = asyncio.get_running_loop()
        self._unanswered = 0
        self._storing: set[Hashable] = set()
        self._flushing = 0
        self._gathered: Counter[Hashable] = Counter()  # how many of each lane wait
        self._due = inf  # when the least patient of those that wait is to be stored
        self._hurry = asyncio.Event()
        self._waiting: deque[tuple[T, Reply[R]]] = deque()
        self._held: dict[Hashable, deque[tuple[T, Reply[R]]]] = {}
        self._writers: dict[Hashable, asyncio.Task[None]] = {}  # by lane; the one for all that is not held is `self`

    def submit(self, item: T, reply: "Reply[R]", *, patience_s: float = 0.0, enough: int = BATCH) -> None:
        """Takes an item in; `reply` is called once, after its commit or its refusal. Unavailable when too many wait.

        An item with `patience_s` may wait so long for others, until there are `enough` of its lane.
        """
        if self._unanswered >= self._capacity:
            raise Unavailable("Too many messages are waiting to be stored", retry_after_ms=1000)
        self._unanswered += 1
        self._waiting.append((item, reply))
        lane = self._lane(item)
        self._gathered[lane] += 1
        due = self._loop.time() + patience_s if self._gathered[lane] < enough else 0.0
        if due < self._due:
            self._due = due
            self._hurry.set()
        if self not in self._writers:
            self._writers[self] = asyncio.ensure_future(self._write())

    def is_storing(self, lane: Hashable) -> bool:
        """Whether items of this lane are in the transaction that runs now."""
        return lane in self._storing

    async def flush(self) -> None:
        """Returns when all that was submitted is stored or refused."""
        self._flushing += 1
        self._hurry.set()
        try:
            while self._writers:
                await asyncio.wait(self._writers.values())
        finally:
            self._flushing -= 1

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._patience()
                start, batch = process_time(), self._next()
                if not batch:  # all were for lanes that are held
                    continue
                self._storing = {self._lane(item) for item, _ in batch}
                for entry, answer in zip(batch, await self._commit(self._store, batch), strict=True):
                    self._settle(entry, answer)
                self._storing = set()
                if len(self._waiting) < BATCH:
                    await asyncio.sleep(min(REST * (process_time() - start), self._max_rest_s))
        finally:
            del self._writers[self]

    async def _patience(self) -> None:
        """Waits while all that is here can wait."""
        while self._due > self._loop.time() and not self._flushing:
            self._hurry.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._due):
                    await self._hurry.wait()

    def _next(self) -> "list[tuple[T, Reply[R]]]":
        """The next batch; what belongs to a held lane is left to that."""
        batch: list[tuple[T, Reply[R]]] = []
        while self._waiting and len(batch) < BATCH:
            entry = self._waiting.popleft()
            self._held.get(self._lane(entry[0]), batch).append(entry)
        self._due = 0.0 if self._waiting else inf
        self._gathered.clear()
        return batch

    async def _write_held(self, lane: Hashable, queue: "deque[tuple[T, Reply[R]]]") -> None:
        try:
            while queue:
                batch = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
                for entry, answer in zip(batch, await self._commit(self._store_held, batch), strict=True):
                    self._answer(entry, answer)
        finally:
            del self._held[lane], self._writers[lane]

    def _settle(self, entry: "tuple[T, Reply[R]]", answer: R | ChatError) -> None:
        if not isinstance(answer, Held):
            self._answer(entry, answer)
            return
        lane = self._lane(entry[0])
        if lane not in self._held:
            self._held[lane] = deque()
            self._writers[lane] = asyncio.ensure_future(self._write_held(lane, self._held[lane]))
        self._held[lane].append(entry)

    async def _commit(self, store: "Store[T, R]", batch: "list[tuple[T, Reply[R]]]") -> list[R | ChatError]:
        start = perf_counter()
        try:
            answers = await store([item for item, _ in batch])
        except ChatError as error:
            log.warning("journal.refused", code=error.code, messages=len(batch))
            return [error] * len(batch)
        except Exception:
            if len(batch) > 1:  # one of them is at fault: the others must not pay for it
                return [answer for entry in batch for answer in await self._commit(self._store_held, [entry])]
            log.exception("journal.failed")
            return [Internal()]
        metrics.stored(sum(not isinstance(answer, Held) for answer in answers), perf_counter() - start)
        return answers

    def _answer(self, entry: "tuple[T, Reply[R]]", answer: R | ChatError) -> None:
        self._unanswered -= 1
        try:
            entry[1](answer)
        except Exception:  # one socket's fault: the others of the batch still get their answers
            log.exception("journal.unanswered")
