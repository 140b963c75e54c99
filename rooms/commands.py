"""Slash commands of a project's apps: `/name arguments`, written in a room, calls a function that answers its sender.

An app registers its own when it is ready. Knows no rooms and no rights: `services.slash_commands` calls them.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from rooms.models import Room

NAME = re.compile(r"[^\W\d_][\w-]{0,31}")  # `/5` and `/usr/bin` are texts
OWN = frozenset({"me", "topic", "invite", "mute", "help"})  # of the chat
RANKS = ("visitor", "member", "moderator", "owner", "admin")


class Call(NamedTuple):
    """What a command is called with: who has written it, where, and what follows its name."""

    user: Any
    room: Room
    arguments: str


class Registered(NamedTuple):
    name: str
    function: Callable[[Call], str | None]
    help: str
    allowed: str


_registered: dict[str, Registered] = {}


def register(
    name: str,
    function: Callable[[Call], str | None],
    *,
    help: str = "",  # noqa: A002 - the word that everybody knows it by
    allowed: str = "visitor",
) -> None:
    """Has `/name` call a function for those whose rank in the room is `allowed` or higher: one of RANKS.

    What it answers is shown to the sender alone, and stored nowhere; a ChatError that it raises is the error they get.
    It has CHAT_HOOK_BUDGET_MS, on a thread of its own. Raises ValueError for a name that is none, or taken.
    """
    key = name.casefold()
    if not NAME.fullmatch(key):
        raise ValueError(f"A command's name has letters first, then letters, digits, - and _; 32 at most: {name!r}")
    if key in OWN or (key in _registered and _registered[key].function is not function):
        raise ValueError(f"There is a command /{key} already")
    if allowed not in RANKS:
        raise ValueError(f"`allowed` is one of {', '.join(RANKS)}")
    _registered[key] = Registered(key, function, help, allowed)


def unregister(name: str) -> None:
    _registered.pop(name.casefold(), None)


def registered() -> Mapping[str, Registered]:
    return MappingProxyType(_registered)
