"""Presence over several Redis servers: each is a whole presence, for the rooms whose events it carries.

Who is in a room is on the server of that room. Who is signed in is on every server: so a server can name the people of
its rooms without asking another, each script has all its keys on one server, and while one is away the others know who
is online. Then this process knows only its own people of the rooms of that server, and everybody of the others.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from rooms.conf import conf
from rooms.live import topics
from rooms.live.presence import Change, Departure, MemoryPresence, Online, Presence
from rooms.redis_hosts import Ring

R = TypeVar("R")


class ShardedPresence:
    def __init__(self, shards: Sequence[Presence], ring: Ring) -> None:
        """One presence for each server of the ring, in the ring's order."""
        self._shards, self._ring = shards, ring

    async def connect(self, person: Online) -> int:
        return await self._on_all_signed_in(lambda shard: shard.connect(person))

    async def disconnect(self, user_id: str) -> Change:
        return await self._on_all_signed_in(lambda shard: shard.disconnect(user_id))

    async def rename(self, user_id: str, username: str) -> None:
        await self._on_all(lambda shard: shard.rename(user_id, username))

    async def enter(self, room: int, user_id: str) -> Change:
        return await self._of(room).enter(room, user_id)

    async def leave(self, room: int, user_id: str) -> Change:
        return await self._of(room).leave(room, user_id)

    async def counts(self, rooms: Iterable[int]) -> dict[int, int]:
        rooms = list(rooms)
        of_shard: defaultdict[Presence, list[int]] = defaultdict(list)
        for room in rooms:
            of_shard[self._of(room)].append(room)
        found = await asyncio.gather(*(shard.counts(some) for shard, some in of_shard.items()))
        counts = {room: count for part in found for room, count in part.items()}
        return {room: counts[room] for room in rooms}

    async def is_empty(self, room: int) -> bool:
        return await self._of(room).is_empty(room)

    async def online(self) -> list[Online]:
        """As the first server that answers knows it."""
        people: list[Online] = []
        for shard in sorted(self._shards, key=lambda shard: not shard.reachable()):
            people = await shard.online()
            if shard.reachable():
                break
        return people

    async def rooms(self) -> dict[int, list[Online]]:
        parts = await self._on_all(lambda shard: shard.rooms())
        return {room: people for part in parts for room, people in part.items()}

    async def renew(self) -> list[Departure]:
        return _joined(await self._on_all(lambda shard: shard.renew()))

    async def confirm(self, departures: Sequence[Departure]) -> None:
        await self._on_all(lambda shard: shard.confirm([one for one in departures if self._of(one.room) is shard]))

    async def withdraw(self) -> list[Departure]:
        return _joined(await self._on_all(lambda shard: shard.withdraw()))

    async def close(self) -> None:
        await self._on_all(lambda shard: shard.close())

    def reachable(self) -> bool:
        return all(shard.reachable() for shard in self._shards)

    def _of(self, room: int) -> Presence:
        return self._shards[self._ring.shard(topics.of_room(room))]

    async def _on_all(self, call: Callable[[Presence], Awaitable[R]]) -> list[R]:
        """Calls all at once: one that hangs delays the call by its time-out only once."""
        return await asyncio.gather(*map(call, self._shards))

    async def _on_all_signed_in(self, call: Callable[[Presence], Awaitable[R]]) -> R:
        """As a server knows it that can be reached, if there is one."""
        changes = await self._on_all(call)
        known = (change for change, shard in zip(changes, self._shards, strict=True) if shard.reachable())
        return next(known, changes[0])


def _joined(parts: Sequence[list[Departure]]) -> list[Departure]:
    return [departure for part in parts for departure in part]


def configured_ring() -> Ring:
    """The servers of CHAT_REDIS_URL; one when there is none."""
    return Ring(conf.CHAT_REDIS_PREFIX, max(1, len(conf.CHAT_REDIS_URL)))


def configured_presence() -> Presence:
    """In memory without CHAT_REDIS_URL, else over its servers."""
    if not conf.CHAT_REDIS_URL:
        return MemoryPresence()
    from rooms.live.redis_presence import RedisPresence

    lease_s, prefix = conf.CHAT_PRESENCE_LEASE_S, conf.CHAT_REDIS_PREFIX
    shards = [RedisPresence(host, lease_s=lease_s, prefix=prefix) for host in conf.CHAT_REDIS_URL]
    return shards[0] if len(shards) == 1 else ShardedPresence(shards, configured_ring())
