"""Sends mails from a thread of their own, so that no answer waits for a mail server or tells whether there was a mail.

Knows nothing of what is sent. What still waits when the process ends is not sent: people ask again.
"""

import queue
from collections.abc import Callable
from functools import cache, partial
from threading import Thread

import structlog
from django.db import connections
from django.urls import get_script_prefix, set_script_prefix
from django.utils.translation import get_language, override

MAX_WAITING = 100

log = structlog.get_logger(__name__)
waiting: queue.Queue[Callable[[], None]] = queue.Queue(MAX_WAITING)


def in_background(send: Callable[[], None]) -> None:
    """Calls `send` soon, with the caller's language and URL prefix; drops it while MAX_WAITING others wait."""
    _start_thread()
    try:
        waiting.put_nowait(partial(_as_caller, send, get_language(), get_script_prefix()))
    except queue.Full:
        log.warning("mail.dropped", waiting=MAX_WAITING)


def _as_caller(send: Callable[[], None], language: str | None, prefix: str) -> None:
    set_script_prefix(prefix)
    with override(language):
        send()


@cache
def _start_thread() -> None:
    Thread(target=_work, name="mails", daemon=True).start()


def _work() -> None:
    while True:
        send = waiting.get()
        try:
            send()
        except Exception:
            log.exception("mail.failed")
        finally:
            connections.close_all()
            waiting.task_done()
