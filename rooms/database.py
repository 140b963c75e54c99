"""The one way from the event loop to the ORM: plain functions, run in threads that keep their connections.

A failed database call leaves no broken connection behind and becomes `Unavailable`, so callers never see driver errors.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections

from monitoring.request_ids import unbound
from rooms.conf import conf
from rooms.errors import Unavailable

log = structlog.get_logger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
PAUSE_S = 0.02  # for other writers
HOOK_THREADS = 8  # of the project's code: while all of them hang, every hook is late
HELD_THREADS = 4  # for rooms locked by other transactions, waited for in parallel; more rooms queue for these threads


async def call(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs a function beside at most CHAT_DATABASE_THREADS others. Raises what it raises, or Unavailable."""
    return await _run(_callers(), function, *args, **kwargs)


async def repeat(function: Callable[P, bool], *args: P.args, **kwargs: P.kwargs) -> None:
    """Calls a function that writes a part of its work until it answers False; between two parts others may write."""
    while await call(function, *args, **kwargs):  # noqa: ASYNC110 - a pause, not a condition
        await asyncio.sleep(PAUSE_S)


Done = Callable[[R | Exception], None]


def store(function: Callable[[T], R], items: T, done: Done[R]) -> None:
    """Runs a function on the thread kept for the write queue, so that readers never delay the storing of messages.

    `done` is called on the running event loop, with the answer or with what `call` would raise. Without a
    task or a future, whose switches were a third of the cost of a commit of one message.
    """
    _writer().submit(_store, asyncio.get_running_loop(), function, items, done)


def store_held(function: Callable[[T], R], items: T, done: Done[R]) -> None:
    """As `store`, for what waits until another transaction unlocks a room: nobody else waits for these threads."""
    _held_writers().submit(_store, asyncio.get_running_loop(), function, items, done)


def _store(loop: asyncio.AbstractEventLoop, function: Callable[[T], R], items: T, done: Done[R]) -> None:
    try:
        outcome: R | Exception = _guarded(function, items)
    except Exception as error:  # noqa: BLE001 - handed to the caller
        outcome = error
    with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits for the answer
        loop.call_soon_threadsafe(done, outcome)


def submit_hook(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
    """Runs a function of the project, which may never end, on one of a few threads kept for that."""
    return _hooks().submit(lambda: _guarded(function, *args, **kwargs))


def submit_signal(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
    """Runs a function after those submitted before it, on the thread of the project's receivers."""
    return _receivers().submit(lambda: _guarded(function, *args, **kwargs))


class Shared:
    """Calls whose answer is shared by all callers that asked for the same before the call began.

    So no answer is older than its question. While one call runs, callers for the next one collect: many at once cost
    few calls, and a single one does not wait.
    """

    def __init__(self) -> None:
        self._gathering: dict[Hashable, asyncio.Task[Any]] = {}
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    async def call(self, key: Hashable, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As the function `call`; the same key stands for the same function and arguments."""
        if key not in self._gathering:
            asking = self._call(key, partial(call, function, *args, **kwargs))
            self._gathering[key] = asyncio.create_task(asking, context=unbound())
        answer: R = await asyncio.shield(self._gathering[key])  # a cancelled caller cancels it for nobody else
        return answer

    async def _call(self, key: Hashable, ask: Callable[[], Awaitable[R]]) -> R:
        if before := self._running.get(key):
            await asyncio.wait([before])
        self._running[key] = self._gathering.pop(key)
        try:
            return await ask()
        finally:
            del self._running[key]


_substitute: Executor | None = None


def run_on(executor: Executor | None) -> None:
    """Has all functions run on this executor, whose connections are left as they are; None: here again. For tests."""
    global _substitute  # noqa: PLW0603 - a process has one set of threads
    _substitute = executor


def is_lent() -> bool:
    """Whether the connections belong to somebody else, as `run_on` says."""
    return _substitute is not None


def _callers() -> Executor:
    return _substitute or _threads("database", conf.CHAT_DATABASE_THREADS)


def _writer() -> Executor:
    return _substitute or _threads("write-queue", 1)


def _hooks() -> Executor:
    return _substitute or _threads("hooks", HOOK_THREADS)


def _receivers() -> Executor:
    return _substitute or _threads("receivers", 1)


def _held_writers() -> Executor:
    return _substitute or _threads("write-queue-held", HELD_THREADS)


@cache
def _threads(name: str, number: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(number, name)


async def _run(threads: Executor, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    work = partial(_guarded, function, *args, **kwargs)
    context = copy_context()  # so that what the thread logs names the request or the connection
    return await asyncio.get_running_loop().run_in_executor(threads, context.run, work)


def _guarded(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return function(*args, **kwargs)
    except (OperationalError, InterfaceError) as error:
        log.debug("database.failed", exc_info=error)
        raise Unavailable("The database does not answer") from error
    finally:
        if not is_lent():
            _tidy_up()


def _tidy_up() -> None:
    connection = connections[DEFAULT_DB_ALIAS]
    connection.queries_log.clear()  # with DEBUG Django keeps 9,000 statements with their texts
    if connection.errors_occurred:
        connection.close_if_unusable_or_obsolete()
