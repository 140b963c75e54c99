"""Keeps the phrases that this process checks messages for as they are stored."""

from contextlib import suppress

from rooms import database
from rooms.errors import ChatError
from rooms.services import filters


async def poll() -> None:
    """Finds changes that did not arrive by the bus."""
    await database.call(filters.reload)


async def changed() -> None:
    """Reads what was announced; when the database does not answer, the next poll does."""
    with suppress(ChatError):
        await poll()
