"""Which rooms the caller's token opens, for as long as their command or request is being handled.

The doors say it when they know their caller, and `rooms.access` asks: so a restriction of a token holds in every
service, whatever it is given. Knows neither tokens nor rooms.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from rooms.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Scope:
    """The rooms that a bot's token opens, by their keys; None: all that the bot is a member of.

    `may_mention`: whether names in what the bot writes mention people.
    """

    rooms: frozenset[int] | None = None
    may_mention: bool = False

    def admits(self, room_id: int, *, is_member: bool) -> bool:
        return is_member if self.rooms is None else room_id in self.rooms


_scope: ContextVar[Scope | None] = ContextVar("chat_scope", default=None)
current = _scope.get  # None: the caller is restricted by their rights alone
enter = _scope.set


@contextmanager
def within(scope: Scope | None) -> Iterator[None]:
    before = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(before)


def check_whole_chat() -> None:
    """Raises Forbidden for a bot's token, which is for rooms and not for the whole chat."""
    if current() is not None:
        raise Forbidden("A bot's token is for its rooms only")


def check_new_rooms() -> None:
    """Raises Forbidden for a token of named rooms: it would not open a new one."""
    scope = current()
    if scope is not None and scope.rooms is not None:
        raise Forbidden("This token is for the rooms it names only")
