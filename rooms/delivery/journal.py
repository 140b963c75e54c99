"""This process's queue of messages waiting to be stored: while one batch commits, the next one gathers.

So an idle server adds no wait, and a busy one stores hundreds in one transaction. Messages for a room that somebody
else holds wait apart, and delay no other room. Knows no models, but a `store`.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from math import inf
from time import perf_counter
from typing import Generic, NamedTuple, TypeVar

import structlog

from chatsite.errors import ChatError, Internal, Unavailable
from monitoring import metrics
from rooms.delivery.pace import Pace

log = structlog.get_logger(__name__)
T = TypeVar("T")
R = TypeVar("R")
BATCH = 500  # messages in one transaction: its locks are held for some tens of milliseconds at most


class Held(Unavailable):
    """What `store` answers for an item whose room is locked by somebody else: it is not stored yet."""


Store = Callable[[list[T]], Awaitable[list[R | ChatError]]]
Reply = Callable[[R | ChatError], None]


class Entry(NamedTuple, Generic[T, R]):
    item: T
    reply: Reply[R]
    due: float  # until then it can wait
    enough: int  # of its lane in one list, if what is beyond can wait


class Journal(Generic[T, R]):
    def __init__(
        self,
        store: "Store[T, R]",
        *,
        capacity: int,
        pace: Pace | None = None,
        lane: Callable[[T], Hashable] = lambda _: None,
        store_held: "Store[T, R] | None" = None,
    ) -> None:
        """`store` commits a list in one transaction and answers each item; it is called for one list at a time.

        Between two lists, and while all that waits can wait, it rests at this `pace`.
        Items of a `lane` of which one was answered Held go to `store_held`, which waits; each lane keeps its order.
        """
        self._store, self._store_held = store, store_held or store
        self._capacity, self._pace, self._lane = capacity, pace or Pace(), lane
        self._loop = asyncio.get_running_loop()
        self._unanswered = 0
        self._storing: set[Hashable] = set()
        self._flushing = 0
        self._gathered: Counter[Hashable] = Counter()  # how many of each lane wait
        self._due = inf  # when the least patient of those that wait is to be stored
        self._hurry = asyncio.Event()
        self._waiting: deque[Entry[T, R]] = deque()
        self._held: dict[Hashable, deque[Entry[T, R]]] = {}
        self._writers: dict[Hashable, asyncio.Task[None]] = {}  # by lane; the one for all that is not held is `self`

    def submit(self, item: T, reply: "Reply[R]", *, patience_s: float = 0.0, enough: int = BATCH) -> None:
        """Takes an item in; `reply` is called once, after its commit or its refusal. Unavailable when too many wait.

        An item with `patience_s` may wait so long for others, until there are `enough` of its lane for one list.
        """
        if self._unanswered >= self._capacity:
            raise Unavailable("Too many messages are waiting to be stored", retry_after_ms=1000)
        self._unanswered += 1
        if not patience_s:
            self._pace.hurry()
        entry: Entry[T, R] = Entry(item, reply, self._loop.time() + patience_s, enough)
        self._waiting.append(entry)
        lane = self._lane(item)
        self._gathered[lane] += 1
        due = self._due_of(entry, lane)
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
                batch = self._next()
                if not batch:  # all were for lanes that are held
                    continue
                self._storing = {self._lane(entry.item) for entry in batch}
                with self._pace.work():
                    answers = await self._commit(self._store, batch)
                for entry, answer in zip(batch, answers, strict=True):
                    self._settle(entry, answer)
                self._storing = set()
                if len(self._waiting) < BATCH:
                    await self._pace.rest()
        finally:
            del self._writers[self]

    async def _patience(self) -> None:
        """Waits while all that is here can wait."""
        while self._spare_s() > 0:
            self._hurry.clear()
            if not await self._pace.rest(self._spare_s):
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._due):
                        await self._hurry.wait()

    def _spare_s(self) -> float:
        return 0.0 if self._flushing else self._due - self._loop.time()

    def _due_of(self, entry: Entry[T, R], lane: Hashable) -> float:
        return entry.due if self._gathered[lane] < entry.enough else 0.0

    def _next(self) -> list[Entry[T, R]]:
        """The next batch; what is beyond enough of a lane waits on, and what belongs to a held lane is left to that."""
        batch: list[Entry[T, R]] = []
        more: list[tuple[Entry[T, R], Hashable]] = []
        now, taken = self._loop.time(), Counter[Hashable]()
        while self._waiting and len(batch) < BATCH:
            entry = self._waiting.popleft()
            lane = self._lane(entry.item)
            taken[lane] += 1
            if taken[lane] > entry.enough and entry.due > now:
                more.append((entry, lane))
            else:
                self._held.get(lane, batch).append(entry)
        self._gathered = Counter(lane for _, lane in more)
        self._due = 0.0 if self._waiting else min((self._due_of(*one) for one in more), default=inf)
        self._waiting.extendleft(entry for entry, _ in reversed(more))
        return batch

    async def _write_held(self, lane: Hashable, queue: deque[Entry[T, R]]) -> None:
        try:
            while queue:
                batch = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
                for entry, answer in zip(batch, await self._commit(self._store_held, batch), strict=True):
                    self._answer(entry, answer)
        finally:
            del self._held[lane], self._writers[lane]

    def _settle(self, entry: Entry[T, R], answer: R | ChatError) -> None:
        if not isinstance(answer, Held):
            self._answer(entry, answer)
            return
        lane = self._lane(entry.item)
        if lane not in self._held:
            self._held[lane] = deque()
            self._writers[lane] = asyncio.ensure_future(self._write_held(lane, self._held[lane]))
        self._held[lane].append(entry)

    async def _commit(self, store: "Store[T, R]", batch: list[Entry[T, R]]) -> list[R | ChatError]:
        start = perf_counter()
        try:
            answers = await store([entry.item for entry in batch])
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

    def _answer(self, entry: Entry[T, R], answer: R | ChatError) -> None:
        self._unanswered -= 1
        try:
            entry.reply(answer)
        except Exception:  # one socket's fault: the others of the batch still get their answers
            log.exception("journal.unanswered")
