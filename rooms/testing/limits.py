"""A time limit for functions of the project that never return, such as a hook that waits for a lock."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

SIGNAL = getattr(signal, "SIGURG", None)  # whose default is to be ignored, should it arrive a moment too late


class Late(BaseException):
    """Raised inside a function that has run too long; no `except Exception` of it takes it for its own."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises Late in what runs longer, by a signal: on the main thread, and not on Windows."""
    if SIGNAL is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    timer = threading.Timer(seconds, signal.pthread_kill, [threading.main_thread().ident, SIGNAL])
    timer.daemon = True
    before = signal.signal(SIGNAL, _raise)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        signal.signal(SIGNAL, before)


def _raise(*_: object) -> NoReturn:
    raise Late
