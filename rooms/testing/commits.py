"""What the chat does after a commit, in a test whose transaction is never committed."""

from collections.abc import Callable
from typing import Any

from django.db import connection


def run_committed(on_failure: Callable[[BaseException], None]) -> None:
    """Runs what `rooms` registered by `transaction.on_commit`, as if the test's own transaction were none.

    What belongs to an atomic block that is still open waits for its end. The project's functions are left alone, as
    in any test of Django. Each keeps its place in the list, which `captureOnCommitCallbacks` counts by.
    """
    now: Any = connection  # Django's types do not know what TestCase notes there
    if not (now.atomic_blocks and _is_of_the_test_case(now.atomic_blocks[0])):
        return  # commits are real, and so is what follows them
    index = 0
    while index < len(now.run_on_commit):
        savepoints, function, robust = now.run_on_commit[index]
        if _is_of_the_chat(function) and _open_savepoints(now).isdisjoint(savepoints):
            now.run_on_commit[index] = (savepoints, _nothing, robust)
            _run(function, on_failure)
        index += 1


def _is_of_the_test_case(block: Any) -> bool:
    """Django's TestCase, which pytest-django's `db` uses too, holds two blocks open around each test."""
    return bool(block._from_testcase)  # noqa: SLF001 - nothing public says so


def _open_savepoints(now: Any) -> set[Any]:
    """Those of blocks that the test, or the code it tests, has entered and not left."""
    of_the_test_case = sum(map(_is_of_the_test_case, now.atomic_blocks))
    return set(now.savepoint_ids[of_the_test_case - 1 :])  # the outermost block has no savepoint


def _is_of_the_chat(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).partition(".")[0] == "rooms" and function is not _nothing


def _nothing() -> None:
    """What was registered here has run."""


def _run(function: Callable[[], object], on_failure: Callable[[BaseException], None]) -> None:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - the test fails with it
        on_failure(error)
