"""Work that other threads have for the thread of the test: it does it while it waits for something.

So all database work of the chat sees the connection and the transaction of the test.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from rooms.testing.limits import Late, time_limit

MIN_S = 0.1  # that a function has, however little time is left
GRACE_S = 1.0  # beyond the time: for what has come already, and for what follows when a function is ended
P = ParamSpec("P")
R = TypeVar("R")


class Inbox(Executor):
    """Runs functions on the thread that made it: those of other threads while it waits, its own at once."""

    def __init__(self, after_each: Callable[[], None], on_abort: Callable[[BaseException], None]) -> None:
        """`after_each` is called after each function, before its caller has the answer; `on_abort` with what ended one
        before its end.
        """
        self.thread = threading.current_thread()
        self.done = 0  # functions that were run
        self._after_each, self._on_abort = after_each, on_abort
        self._waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        future: Future[R] = Future()

        def work() -> None:
            self._run(future, lambda: function(*args, **kwargs))

        if threading.current_thread() is self.thread:
            work()
        else:
            self._waiting.put(work)
        return future

    def post(self, function: Callable[..., None], *args: Any) -> None:
        """Has a function run that has no answer and cannot fail."""
        self._waiting.put(lambda: function(*args))

    def wait(self, is_ready: Callable[[], bool], within_s: float) -> bool:
        """Works until `is_ready`; False when it is not after `within_s` seconds. What takes longer is ended."""
        end = monotonic() + within_s
        last = end + GRACE_S
        self._after_each()
        while not is_ready():
            left = end - monotonic()
            try:
                work = self._waiting.get(timeout=max(left, 0))
            except Empty:
                return False
            with suppress(Late), time_limit(max(left, MIN_S)):
                work()
                if monotonic() < last:
                    continue
                return is_ready()
            end = last  # for what follows from its end
        return True

    def _run(self, future: "Future[R]", function: Callable[[], R]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        self.done += 1
        try:
            answer = function()
            self._after_each()
        except Exception as error:  # noqa: BLE001 - for whoever asked
            future.set_exception(error)
        except BaseException as error:  # too late, or the end of the test: Ctrl-C, or pytest's own
            self._on_abort(error)
            future.set_exception(TimeoutError("The test did not wait for this function"))
            raise
        else:
            future.set_result(answer)
