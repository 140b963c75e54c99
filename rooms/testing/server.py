"""The chat of one test: its node on an event loop in a thread, its database work on the thread of the test.

Shared by all clients that are open at the same time; ends with the last one.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from contextvars import Context
from functools import partial
from typing import Any

from channels.layers import InMemoryChannelLayer, channel_layers

from rooms import database
from rooms.conf import RATES, conf
from rooms.live import node
from rooms.testing.commits import Commits
from rooms.testing.inbox import Inbox
from rooms.testing.limits import Late
from rooms.testing.log import Failure, Log

STOP_S = 5.0  # for the node: it stores what was sent, and releases what it holds
TURNS = 20  # of the event loop: more than lie between the end of one function and the next that follows from it


class Server:
    def __init__(self) -> None:
        self.clients = 0
        self.log = Log()
        self.inbox = Inbox(self._run_committed, self._note)
        self._commits = Commits()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="chat-test", daemon=True)
        self._stop = asyncio.Event()
        self._has_ended = threading.Event()
        self._used = ExitStack()

    def start(self) -> None:
        self._used.enter_context(self.log)
        self._used.enter_context(self._commits)
        self._used.enter_context(_alone())
        database.run_on(self.inbox)
        self._used.callback(database.run_on, None)
        self._thread.start()

    def stop(self) -> None:
        """Ends the node, its event loop and the thread; by force when they do not end in time."""
        __tracebackhide__ = True
        self.call_soon(self._stop.set)
        try:
            self.wait(self._has_ended.is_set, STOP_S, "the end of the chat")
        finally:
            if not self._has_ended.is_set():
                self.call_soon(self._cancel_all)
            self._thread.join(STOP_S)
            self._used.close()

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Calls a function on the event loop, if that has not ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)

    def spawn(self, work: Coroutine[Any, Any, None]) -> "Future[None]":
        """Starts a coroutine on the event loop, without the context of the test."""
        return Context().run(asyncio.run_coroutine_threadsafe, work, self._loop)

    def wait(self, is_ready: Callable[[], bool], within_s: float, what: str, came: Callable[[], str] = str) -> None:
        """Works for the chat until `is_ready`; raises Failure when it is not in time, or when the chat has failed.

        `came` says what came instead.
        """
        __tracebackhide__ = True
        in_time = self.inbox.wait(is_ready, within_s)
        self.log.raise_failed()
        if not in_time:
            raise Failure("\n".join([f"Not within {within_s:g} s: {what}.", *filter(None, [came()]), self.log.text()]))

    def settle(self, within_s: float) -> None:
        """Waits until the chat has nothing left to do."""
        __tracebackhide__ = True
        before = -1
        while before != self.inbox.done:
            before, turned = self.inbox.done, threading.Event()
            self.spawn(_turn(partial(self.inbox.post, turned.set)))
            self.wait(turned.is_set, within_s, "the end of what the chat is doing")

    def _run_committed(self) -> None:
        for error in self._commits.run():
            self.log.failed("after the commit", error)

    def _note(self, error: BaseException) -> None:
        if isinstance(error, Late):
            self.log.note("A function did not return in time:", error)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner, suppress(asyncio.CancelledError):
            self._loop.set_exception_handler(self._on_loop_error)
            runner.run(self._serve())
        self.inbox.post(self._has_ended.set)

    async def _serve(self) -> None:
        await self._stop.wait()
        await node.stop()

    def _cancel_all(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def _on_loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if (error := context.get("exception")) is not None:
            self.log.failed(context["message"], error)


async def _turn(then: Callable[[], None]) -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
    then()


@contextmanager
def _alone() -> Iterator[None]:
    """Presence and the channel layer of this process alone: tests run side by side, and without Redis.

    No rate is in the way of a test, except one that the test itself sets.
    """
    layers, alias = channel_layers.backends, conf.CHAT_CHANNEL_LAYER
    before = layers.get(alias)
    layers[alias] = InMemoryChannelLayer()
    given: dict[str, Any] = {"CHAT_REDIS_URL": [], **dict.fromkeys(RATES.values())}
    vars(conf).update(given)
    try:
        yield
    finally:
        del layers[alias]
        layers.update({alias: before} if before is not None else {})
        for name in given:
            vars(conf).pop(name, None)


_running: Server | None = None


def enter() -> Server:
    """The running server with one client more, started by the first."""
    global _running  # noqa: PLW0603 - a process has one node
    if _running is None:
        server = Server()
        server.start()
        _running = server
    if _running.inbox.thread is not threading.current_thread():
        raise RuntimeError("The chat clients of a test are used by one thread: the one that opened the first")
    _running.clients += 1
    return _running


def leave(server: Server) -> None:
    """One client less; the last one ends the server."""
    global _running  # noqa: PLW0603 - the same
    __tracebackhide__ = True
    server.clients -= 1
    if not server.clients:
        _running = None
        server.stop()
