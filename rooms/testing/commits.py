"""What the chat does after a commit, in a test whose transaction is never committed."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


class Once:
    """A function of the chat that is to run after the commit. The second call does nothing: the first may have been
    that of `captureOnCommitCallbacks`, which leaves it registered.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self.__qualname__ = getattr(function, "__qualname__", "")  # Django logs a failed one by its name
        self._function: Callable[[], object] | None = function

    def __call__(self) -> None:
        function, self._function = self._function, None
        if function is not None:
            function()


class Commits:
    """While entered, notes what `rooms` registers by `transaction.on_commit` on this thread's connection.

    The functions of the project are left alone, as in any test of Django.
    """

    def __init__(self) -> None:
        self._connection: Any = connections[DEFAULT_DB_ALIAS]  # Django's types do not know what TestCase notes there

    def __enter__(self) -> None:
        register = self._connection.on_commit

        def on_commit(function: Callable[[], object], robust: bool = False) -> None:
            register(Once(function) if _is_of_the_chat(function) else function, robust)

        self._connection.on_commit = on_commit

    def __exit__(self, *_: object) -> None:
        del self._connection.on_commit

    def run(self) -> Iterator[BaseException]:
        """Runs what waits for the end of the test's own transaction, as if there were none; what failed.

        What belongs to an atomic block that is still open waits for its end.
        """
        blocks = self._connection.atomic_blocks
        if not (blocks and _is_of_the_test_case(blocks[0])):
            return  # commits are real, and so is what follows them
        for savepoints, function, _ in self._connection.run_on_commit:  # grows while it runs
            if isinstance(function, Once) and self._open_savepoints().isdisjoint(savepoints):
                try:
                    function()
                except Exception as error:  # noqa: BLE001 - the test fails with it
                    yield error

    def _open_savepoints(self) -> set[Any]:
        """Those of blocks that the test, or the code it tests, has entered and not left."""
        of_the_test_case = sum(map(_is_of_the_test_case, self._connection.atomic_blocks))
        return set(self._connection.savepoint_ids[of_the_test_case - 1 :])  # the outermost block has no savepoint


def _is_of_the_chat(function: Callable[[], object]) -> bool:
    return str(function.__module__).partition(".")[0] == "rooms"  # None where it is written in C


def _is_of_the_test_case(block: Any) -> bool:
    """Django's TestCase, which pytest-django's `db` uses too, holds blocks open around each test."""
    return bool(block._from_testcase)  # noqa: SLF001 - nothing public says so
