"""Who is where, over all processes, for code in threads: REST, the admin, the monitoring page."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from asgiref.sync import async_to_sync

from rooms.errors import Unavailable
from rooms.live.node import ASK_TIMEOUT_S, current
from rooms.live.presence import Online, Presence
from rooms.live.sharded_presence import configured_presence

R = TypeVar("R")


def member_counts(room_ids: Iterable[int]) -> dict[int, int]:
    """How many people are in each of these rooms now, over all processes."""
    ids = list(room_ids)
    return _ask(lambda presence: presence.counts(ids))


def online() -> list[Online]:
    """Everybody who is signed in, over all processes, the longest there first."""
    return _ask(lambda presence: presence.online())


def room_members() -> dict[int, list[Online]]:
    """Every room with people in it, over all processes."""
    return _ask(lambda presence: presence.rooms())


def _ask(question: Callable[[Presence], Coroutine[Any, Any, R]]) -> R:
    """Asks the running node; a command that serves nobody asks Redis, or nobody."""
    node = current()
    if node is None or not node.loop.is_running():
        return async_to_sync(_ask_alone)(question)
    try:
        return asyncio.run_coroutine_threadsafe(question(node.presence), node.loop).result(ASK_TIMEOUT_S)
    except TimeoutError:
        raise Unavailable("Presence does not answer") from None


async def _ask_alone(question: Callable[[Presence], Awaitable[R]]) -> R:
    presence = configured_presence()
    try:
        return await question(presence)
    finally:
        await presence.close()
