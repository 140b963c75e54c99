"""Presence: who is signed in and who is in which room, counted by sockets over all processes.

One contract, two implementations: in memory for a single process (here), in Redis for several (redis_presence); one
test serves both. Knows user ids and room numbers, no models.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

SIGNED_IN = 0  # the place of everybody who is signed in; every other place is a room's number


class Online(msgspec.Struct, frozen=True):
    """A signed-in user: since when and from where, by the first of their sockets."""

    user_id: str
    username: str
    authenticated_at: datetime
    address: str = ""


class Change(NamedTuple):
    """The effect of one socket: was it the user's first or last in this place, and how many people are there now?"""

    first_or_last: bool
    people: int


class Departure(NamedTuple):
    """A user whose last socket in a room was lost with its process."""

    room: int
    person: Online


class Presence(Protocol):
    async def connect(self, person: Online) -> int:
        """Counts a signed-in socket of this user; returns how many they have now."""

    async def disconnect(self, user_id: str) -> Change:
        """Takes one socket off; no effect when it was not counted."""

    async def rename(self, user_id: str, username: str) -> None:
        """A signed-in user has another name now."""

    async def enter(self, room: int, user_id: str) -> Change:
        """Counts a signed-in user's socket in this room."""

    async def leave(self, room: int, user_id: str) -> Change:
        """Takes one socket off; no effect when it was not counted."""

    async def counts(self, rooms: Iterable[int]) -> dict[int, int]:
        """The number of people in each of these rooms."""

    async def is_empty(self, room: int) -> bool:
        """True only when it is certain that nobody is in this room; False whenever somebody may be uncounted."""

    async def online(self) -> list[Online]:
        """Everybody who is signed in, the earliest first."""

    async def rooms(self) -> dict[int, list[Online]]:
        """The people of every room that is not empty."""

    async def renew(self) -> list[Departure]:
        """Renews this process's lease and drops processes whose lease has expired; call it every third of a lease.

        Returns every departure that is not confirmed, also those of earlier calls: each is returned at least once by
        some process, even when that process fails or dies before it has told anybody.
        """

    async def confirm(self, departures: Sequence[Departure]) -> None:
        """The departures were broadcast: they are not returned again."""

    async def withdraw(self) -> list[Departure]:
        """Takes back all that this process counted, for its shutdown. Returns departures to confirm, as `renew`."""

    async def close(self) -> None:
        """Releases the lease and the connections. Departures that were not confirmed pass to another process."""

    def reachable(self) -> bool:
        """Whether the last call reached what all processes share."""


class MemoryPresence:
    def __init__(self) -> None:
        self.places: dict[int, dict[str, int]] = {}  # place → user → sockets
        self.people: dict[str, Online] = {}

    async def connect(self, person: Online) -> int:
        self.add(SIGNED_IN, person.user_id, person)
        return self.places[SIGNED_IN][person.user_id]

    async def disconnect(self, user_id: str) -> Change:
        return self.remove(SIGNED_IN, user_id)

    async def rename(self, user_id: str, username: str) -> None:
        if person := self.people.get(user_id):
            self.people[user_id] = msgspec.structs.replace(person, username=username)

    async def enter(self, room: int, user_id: str) -> Change:
        return self.add(room, user_id)

    async def leave(self, room: int, user_id: str) -> Change:
        return self.remove(room, user_id)

    async def counts(self, rooms: Iterable[int]) -> dict[int, int]:
        return {room: len(self.places.get(room, ())) for room in rooms}

    async def is_empty(self, room: int) -> bool:
        return room not in self.places

    async def online(self) -> list[Online]:
        return sorted(self.people.values(), key=lambda person: person.authenticated_at)

    async def rooms(self) -> dict[int, list[Online]]:
        return {
            room: [self.people[user] for user in users if user in self.people]
            for room, users in self.places.items()
            if room != SIGNED_IN
        }

    async def renew(self) -> list[Departure]:
        return []

    async def confirm(self, departures: Sequence[Departure]) -> None:
        pass

    async def withdraw(self) -> list[Departure]:
        self.places.clear()
        self.people.clear()
        return []

    async def close(self) -> None:
        pass

    def reachable(self) -> bool:
        return True

    def add(self, place: int, user_id: str, person: Online | None = None) -> Change:
        users = self.places.setdefault(place, {})
        users[user_id] = users.get(user_id, 0) + 1
        if person is not None:
            self.people.setdefault(user_id, person)
        return Change(users[user_id] == 1, len(users))

    def remove(self, place: int, user_id: str) -> Change:
        users = self.places.get(place, {})
        if user_id not in users:  # cut off before it was counted
            return Change(False, len(users))
        users[user_id] -= 1
        if users[user_id]:
            return Change(False, len(users))
        del users[user_id]
        if not users:
            del self.places[place]
        if place == SIGNED_IN:
            del self.people[user_id]
        return Change(True, len(users))
