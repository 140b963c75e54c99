"""Who is anywhere: people signed in, and people in rooms, counted by their sockets over all processes.

One contract, two implementations: in memory for a single process (here), in Redis for several (redis_presence); one
test serves both. Knows user ids and room numbers, no models.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

HERE = 0  # the place of everybody who is signed in; every other place is a room's number


class Online(msgspec.Struct, frozen=True):
    """A person signed in: since when and from where, by the first of their sockets."""

    user_id: int
    username: str
    authenticated_at: datetime
    address: str = ""


class Change(NamedTuple):
    """After one socket came or went: was it the person's first or last there, and how many people are there now?"""

    news: bool
    people: int


class Presence(Protocol):
    async def arrive(self, person: Online) -> Change:
        """One more socket of this person is signed in."""

    async def depart(self, user_id: int) -> Change:
        """One socket less; nothing when it was not counted."""

    async def enter(self, room: int, user_id: int) -> Change:
        """One more socket of a signed-in person is in this room."""

    async def leave(self, room: int, user_id: int) -> Change:
        """One socket less; nothing when it was not counted."""

    async def counts(self, rooms: Iterable[int]) -> dict[int, int]:
        """How many people are in each of these rooms."""

    async def online(self) -> list[Online]:
        """Everybody who is signed in, the longest there first."""

    async def rooms(self) -> dict[int, list[Online]]:
        """Every room with people in it."""

    async def beat(self) -> list[tuple[int, Online]]:
        """Keeps this process's lease. Answers who left which room because their process died and this call noticed."""

    async def close(self) -> list[tuple[int, Online]]:
        """Takes back all that this process counted. Answers who thereby left which room."""

    def reachable(self) -> bool:
        """Whether the last call reached what is shared by all processes."""


class MemoryPresence:
    def __init__(self) -> None:
        self.places: dict[int, dict[int, int]] = {}  # place → user → sockets
        self.people: dict[int, Online] = {}

    async def arrive(self, person: Online) -> Change:
        return self.add(HERE, person.user_id, person)

    async def depart(self, user_id: int) -> Change:
        return self.remove(HERE, user_id)

    async def enter(self, room: int, user_id: int) -> Change:
        return self.add(room, user_id)

    async def leave(self, room: int, user_id: int) -> Change:
        return self.remove(room, user_id)

    async def counts(self, rooms: Iterable[int]) -> dict[int, int]:
        return {room: len(self.places.get(room, ())) for room in rooms}

    async def online(self) -> list[Online]:
        return sorted(self.people.values(), key=lambda person: person.authenticated_at)

    async def rooms(self) -> dict[int, list[Online]]:
        return {
            room: [self.people[user] for user in users if user in self.people]
            for room, users in self.places.items()
            if room != HERE
        }

    async def beat(self) -> list[tuple[int, Online]]:
        return []

    async def close(self) -> list[tuple[int, Online]]:
        self.places.clear()
        self.people.clear()
        return []

    def reachable(self) -> bool:
        return True

    def add(self, place: int, user_id: int, person: Online | None = None) -> Change:
        users = self.places.setdefault(place, {})
        users[user_id] = users.get(user_id, 0) + 1
        if person is not None:
            self.people.setdefault(user_id, person)
        return Change(users[user_id] == 1, len(users))

    def remove(self, place: int, user_id: int) -> Change:
        users = self.places.get(place, {})
        if user_id not in users:  # cut off before they were counted
            return Change(False, len(users))
        users[user_id] -= 1
        if users[user_id]:
            return Change(False, len(users))
        del users[user_id]
        if not users:
            del self.places[place]
        if place == HERE:
            del self.people[user_id]
        return Change(True, len(users))
