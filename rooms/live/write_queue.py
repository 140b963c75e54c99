"""This process's queue of messages waiting to be stored: while one batch commits, the next one fills.

So an idle server adds no delay, and a busy one stores hundreds in one transaction. Nothing waits for more messages.
Those for a room that another transaction has locked wait apart, and delay no other room. Knows a `store`, no models.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Hashable
from functools import partial
from time import perf_counter
from typing import Generic, NamedTuple, TypeVar

import structlog

from monitoring import metrics
from rooms.errors import ChatError, Internal, Unavailable

log = structlog.get_logger(__name__)
T = TypeVar("T")
R = TypeVar("R")
BATCH = 500  # messages in one transaction: its locks are held for some tens of milliseconds at most
RETRY_AFTER_MS = 1000


class Held(Unavailable):
    """What `store` answers for an item whose room is locked by another transaction: it is not stored yet."""


Outcome = list[R | ChatError] | Exception
Store = Callable[[list[T], Callable[[Outcome[R]], None]], object]
Reply = Callable[[R | ChatError], None]


class Entry(NamedTuple, Generic[T, R]):
    item: T
    reply: Reply[R]


class WriteQueue(Generic[T, R]):
    def __init__(
        self,
        store: "Store[T, R]",
        *,
        capacity: int,
        share: int = 0,
        lane: Callable[[T], Hashable] = lambda _: None,
        owner: Callable[[T], Hashable] = lambda _: None,
        store_held: "Store[T, R] | None" = None,
        on_stored: Callable[[list[R | ChatError]], None] = lambda _: None,
        measure: Callable[[int, float], None] = metrics.stored,
    ) -> None:
        """`store(items, done)` begins to commit a list in one transaction, and later calls `done` on the event loop,
        with an answer for each or with what it raised. It is called for one list at a time.

        At most `capacity` items wait or are being stored, `share` of one `owner` (0: no such limit). Items of a `lane`
        of which one was answered Held go to `store_held`, which waits for the lock; each lane keeps its order.
        `on_stored` gets the answers of each commit, before anybody is answered; `measure` how many took how long.
        """
        self._store, self._store_held = store, store_held or store
        self._capacity, self._share, self._lane, self._owner = capacity, share or capacity, lane, owner
        self._on_stored, self._measure = on_stored, measure
        self._loop = asyncio.get_running_loop()
        self._owned: Counter[Hashable] = Counter()  # unanswered items by owner
        self._unanswered = 0
        self._waiting: deque[Entry[T, R]] = deque()
        self._scheduled = False  # the next list is being stored, or will be at the end of this turn of the loop
        self._held: dict[Hashable, deque[Entry[T, R]]] = {}
        self._flushed: asyncio.Event | None = None

    def submit(self, item: T, reply: "Reply[R]") -> None:
        """Takes an item in; `reply` is called once, after its commit or its refusal. Unavailable when too many wait."""
        owner = self._owner(item)
        if self._unanswered >= self._capacity or self._owned[owner] >= self._share:
            raise Unavailable("Too many messages are waiting to be stored", retry_after_ms=RETRY_AFTER_MS)
        self._unanswered += 1
        self._owned[owner] += 1
        self._waiting.append(Entry(item, reply))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._store_next)

    async def stored(self, item: T) -> R:
        """The same, awaited; raises what refuses it."""
        answered: asyncio.Future[R | ChatError] = self._loop.create_future()

        def reply(answer: R | ChatError) -> None:
            if not answered.done():  # the caller may have gone
                answered.set_result(answer)

        self.submit(item, reply)
        answer = await answered
        if isinstance(answer, ChatError):
            raise answer
        return answer

    async def flush(self) -> None:
        """Returns when all that was submitted is stored or refused."""
        while self._unanswered:
            self._flushed = self._flushed or asyncio.Event()
            await self._flushed.wait()

    def _store_next(self) -> None:
        """Starts to store what waits; items of a held lane are appended to that lane."""
        batch: list[Entry[T, R]] = []
        while self._waiting and len(batch) < BATCH:
            entry = self._waiting.popleft()
            self._held.get(self._lane(entry.item), batch).append(entry)
        self._scheduled = bool(batch)
        if batch:
            self._commit(self._store, batch, self._stored)

    def _stored(self, batch: list[Entry[T, R]], answers: list[R | ChatError]) -> None:
        """Answers; what can be read after that without waiting is stored with what waits already."""
        for entry, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Held):
                self._hold(entry)
            else:
                self._answer(entry, answer)
        self._loop.call_soon(self._store_next)

    def _hold(self, entry: Entry[T, R]) -> None:
        lane = self._lane(entry.item)
        if lane in self._held:
            self._held[lane].append(entry)
        else:
            self._held[lane] = deque([entry])
            self._loop.call_soon(self._store_next_held, lane)

    def _store_next_held(self, lane: Hashable) -> None:
        queue = self._held[lane]
        if not queue:
            del self._held[lane]
            return
        batch = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
        self._commit(self._store_held, batch, partial(self._held_stored, lane))

    def _held_stored(self, lane: Hashable, batch: list[Entry[T, R]], answers: list[R | ChatError]) -> None:
        for entry, answer in zip(batch, answers, strict=True):
            self._answer(entry, answer)
        self._store_next_held(lane)

    def _commit(
        self,
        store: "Store[T, R]",
        batch: list[Entry[T, R]],
        then: Callable[[list[Entry[T, R]], list[R | ChatError]], None],
    ) -> None:
        start = perf_counter()

        def done(outcome: Outcome[R]) -> None:
            if isinstance(outcome, ChatError):
                log.warning("write_queue.refused", code=outcome.code, messages=len(batch))
                then(batch, [outcome] * len(batch))
            elif not isinstance(outcome, Exception):
                self._measure(sum(not isinstance(answer, Held) for answer in outcome), perf_counter() - start)
                self._broadcast(outcome)
                then(batch, outcome)
            elif len(batch) > 1:
                self._commit_alone(batch, [], then)
            else:
                log.error("write_queue.failed", exc_info=outcome)
                then(batch, [Internal()])

        store([entry.item for entry in batch], done)

    def _commit_alone(
        self,
        batch: list[Entry[T, R]],
        answers: list[R | ChatError],
        then: Callable[[list[Entry[T, R]], list[R | ChatError]], None],
    ) -> None:
        """Stores a list one by one: one of its items fails, and the others must not fail with it."""
        if len(answers) == len(batch):
            then(batch, answers)
            return

        def one_done(_: object, answer: list[R | ChatError]) -> None:
            self._commit_alone(batch, answers + answer, then)

        self._commit(self._store_held, [batch[len(answers)]], one_done)

    def _broadcast(self, answers: list[R | ChatError]) -> None:
        try:
            self._on_stored(answers)
        except Exception:  # what is committed is answered all the same; a lost event is found by its seq
            log.exception("write_queue.not_broadcast")

    def _answer(self, entry: Entry[T, R], answer: R | ChatError) -> None:
        self._unanswered -= 1
        owner = self._owner(entry.item)
        self._owned[owner] -= 1
        if not self._owned[owner]:
            del self._owned[owner]
        if not self._unanswered and self._flushed is not None:
            self._flushed.set()
            self._flushed = None
        try:
            entry.reply(answer)
        except Exception:  # an error of one socket: the others of the batch still get their answers
            log.exception("write_queue.unanswered")
