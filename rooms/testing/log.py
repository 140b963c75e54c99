"""What the chat logs during a test, for the text of a failure; and the errors that fail it."""

import sys
import traceback
from collections import deque
from collections.abc import MutableMapping
from typing import Any

import structlog

KEPT = 30  # events in the text of a failure
FAILURES = ("error", "exception", "critical")
Event = MutableMapping[str, Any]


class Failure(AssertionError):
    """What a chat client waited for did not come, or the chat raised an exception."""


class Log:
    """While it is entered, it sees every event of structlog, whatever the level of the project's logging."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._errors: deque[tuple[str, BaseException]] = deque()
        self._processors: list[Any] = []

    def __enter__(self) -> None:
        self._processors = structlog.get_config()["processors"]
        self._processors.insert(0, self._event)  # in place, because loggers keep the list

    def __exit__(self, *_: object) -> None:
        self._processors.remove(self._event)

    def failed(self, what: str, error: BaseException) -> None:
        """An exception of the chat: the test fails with it."""
        self.note(what, error)
        self._errors.append((what, error))

    def note(self, what: str, error: BaseException | None = None) -> None:
        self._lines.append("\n".join([what, *(_lines_of(error) if error else ())]))

    def raise_failed(self) -> None:
        """Raises Failure from the first exception that is not raised yet."""
        __tracebackhide__ = True
        if self._errors:
            what, error = self._errors.popleft()
            raise Failure(f"The chat raised an exception ({what}).") from error

    def text(self) -> str:
        return "\n".join(["The chat logged:", *(self._lines or ["(nothing)"])])

    def _event(self, _logger: Any, method: str, event: Event) -> Event:
        fields = {name: value for name, value in event.items() if name not in ("event", "exc_info")}
        what = " ".join([method, str(event.get("event")), *(f"{name}={value!r}" for name, value in fields.items())])
        error = _error_of(event.get("exc_info"), method)
        if error is not None and method in FAILURES:
            self.failed(what, error)
        else:
            self.note(what, error)
        return event


def _error_of(info: Any, method: str) -> BaseException | None:
    """From what structlog takes: an exception, a tuple with one, or that there is one now."""
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return info[1] if isinstance(info[1], BaseException) else None
    return sys.exc_info()[1] if info or method == "exception" else None


def _lines_of(error: BaseException) -> list[str]:
    return ["    " + line for part in traceback.format_exception(error) for line in part.rstrip().splitlines()]
