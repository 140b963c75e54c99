"""Deletes files that no message has, from time to time and some at a time."""

from rooms import database
from rooms.services import sweeping

EVERY_S = 60.0


async def tick() -> None:
    steps = sweeping.sweep()
    while await database.call(next, steps, None) is not None:
        pass
