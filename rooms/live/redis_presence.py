"""Presence over several processes: counts in Redis, and a lease for each process, so that a dead one's people go.

While Redis does not answer, a process knows its own people only, and afterwards writes its share again. What is lost
with Redis is who left with a process that died while Redis was emptied: nobody has a list of its people then.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any

import msgspec
import structlog
from redis.exceptions import RedisError

from rooms.live import presence_scripts as scripts
from rooms.live.leases import Leases, new_process
from rooms.live.presence import SIGNED_IN, Change, Departure, MemoryPresence, Online
from rooms.live.redis_client import client
from rooms.redis_hosts import Host

log = structlog.get_logger(__name__)
DOUBT_LEASES = 4  # so long a process that was dropped may be only frozen, its clients still connected


class RedisPresence:
    def __init__(
        self, host: Host, *, lease_s: float, prefix: str = "chat", clock: Callable[[], float] = monotonic
    ) -> None:
        self._redis = client(host)
        self._scripts = {script: self._redis.register_script(script) for script in scripts.ALL}
        self._prefix, self._clock = prefix, clock
        self._process = new_process(lease_s)
        self._leases = Leases(self._process, clock)
        self._own = MemoryPresence()
        self._reachable = True
        self._must_rewrite = False  # Redis may not have all of `_own`
        self._in_flight = 0  # changes that Redis has not answered
        self._departures: dict[Departure, str] = {}  # not confirmed → as Redis has it
        self._server, self._epoch = "", ""
        self._doubt_s = DOUBT_LEASES * lease_s
        self._certain_from = clock() + self._doubt_s

    async def connect(self, person: Online) -> int:
        own = await self._own.connect(person)
        counted = await self._count(SIGNED_IN, person.user_id, +1, _json(person))
        return own if counted is None else counted[0]

    async def disconnect(self, user_id: str) -> Change:
        return await self._remove(SIGNED_IN, user_id)

    async def rename(self, user_id: str, username: str) -> None:
        await self._own.rename(user_id, username)
        try:
            person = _online(await self._redis.hget(self._key("people"), str(user_id)) or "")
            if person is not None:
                renamed = msgspec.structs.replace(person, username=username)
                await self._run(scripts.REPLACE, user_id, _json(person), _json(renamed))
        except RedisError as error:
            self._failed(error)

    async def enter(self, room: int, user_id: str) -> Change:
        own = self._own.add(room, user_id)
        counted = await self._count(room, user_id, +1)
        return own if counted is None else Change(counted[0] == 1, counted[1])

    async def leave(self, room: int, user_id: str) -> Change:
        return await self._remove(room, user_id)

    async def counts(self, rooms: Iterable[int]) -> dict[int, int]:
        rooms = list(rooms)
        try:
            pipe = self._redis.pipeline(transaction=False)
            for room in rooms:
                pipe.hlen(self._key("place", room))
            return dict(zip(rooms, await pipe.execute(), strict=True))
        except RedisError:
            return await self._own.counts(rooms)

    async def is_empty(self, room: int) -> bool:
        try:
            people, *state = await self._run(scripts.LOOK, room)
        except RedisError as error:
            self._failed(error)
            return False
        if people or room in self._own.places or self._must_rewrite or state != [self._server, self._epoch]:
            return False
        return self._clock() >= self._certain_from

    async def online(self) -> list[Online]:
        try:
            people = await self._people()
        except RedisError as error:
            self._failed(error)
            return await self._own.online()
        return sorted(people.values(), key=lambda person: person.authenticated_at)

    async def rooms(self) -> dict[int, list[Online]]:
        try:
            people = await self._people()
            places = [place for place in await self._redis.smembers(self._key("places")) if place != str(SIGNED_IN)]
            pipe = self._redis.pipeline(transaction=False)
            for place in places:
                pipe.hkeys(self._key("place", place))
            users = await pipe.execute()
        except RedisError:
            return await self._own.rooms()
        return {
            int(place): [people[user] for user in members if user in people]
            for place, members in zip(places, users, strict=True)
        }

    async def renew(self) -> list[Departure]:
        try:
            await self._renew()
        except RedisError as error:
            self._failed(error)
        return list(self._departures)

    async def confirm(self, departures: Sequence[Departure]) -> None:
        entries = [self._departures.pop(one) for one in departures if one in self._departures]
        try:
            if entries:
                await self._redis.srem(self._key("left", self._process), *entries)
        except RedisError as error:  # the next renewal returns them again
            self._failed(error)

    async def withdraw(self) -> list[Departure]:
        try:
            self._remember(await self._run(scripts.WITHDRAW))
        except RedisError as error:
            self._failed(error)
        return list(self._departures)

    async def close(self) -> None:
        try:
            await self._run(scripts.RELEASE)
        except RedisError as error:
            self._failed(error)
        finally:
            await self._redis.aclose()

    def reachable(self) -> bool:
        return self._reachable

    async def _renew(self) -> None:
        fresh = uuid.uuid4().hex
        count, server, epoch, leases, departures = await self._run(scripts.RENEW, fresh)
        self._reachable = True
        if count > 1 and server == self._server:  # else Redis may have forgotten some
            self._departures.clear()
        self._remember(departures)
        if [server, epoch] != [self._server, self._epoch]:
            self._certain_from = self._clock() + self._doubt_s
        if self._must_rewrite or count == 1 or server != self._server:  # a new server may have an old copy
            await self._rewrite()
        self._server, self._epoch = server, epoch
        counts = dict(zip(leases[::2], leases[1::2], strict=True))
        for process in self._leases.expired(counts):
            self._remember(await self._run(scripts.DROP, process, counts[process], fresh))

    async def _remove(self, place: int, user_id: str) -> Change:
        own = self._own.remove(place, user_id)
        counted = await self._count(place, user_id, -1)
        return own if counted is None else Change(counted[0] <= 0, counted[1])

    async def _count(self, place: int, user_id: str, delta: int, person: str = "") -> tuple[int, int] | None:
        """The user's sockets and the people in this place, over all processes; None while Redis does not answer."""
        self._in_flight += 1
        try:
            sockets, people, count = await self._run(scripts.CHANGE, place, user_id, delta, person)
        except RedisError as error:
            self._failed(error)
            return None
        finally:
            self._in_flight -= 1
        if count == 1:  # this process had no lease: it was dropped, or Redis was emptied
            self._must_rewrite = True
        return sockets, people

    async def _rewrite(self) -> None:
        """Replaces this process's share by what it knows itself."""
        self._must_rewrite = self._in_flight > 0  # it may now be counted twice: then the next renewal does this again
        entries = [
            (str(place), str(user), sockets, _json(self._own.people[user]) if place == SIGNED_IN else "")
            for place, users in self._own.places.items()
            for user, sockets in users.items()
        ]
        await self._run(scripts.REWRITE, msgspec.json.encode(entries))

    def _remember(self, departures: list[str]) -> None:
        for entry in departures:
            room, _, person = entry.partition(" ")
            if (online := _online(person)) is not None:
                self._departures[Departure(int(room), online)] = entry

    def _failed(self, error: RedisError) -> None:
        """Others may have failed too: nobody is dropped, and no room is called empty, until all had time to renew."""
        log.warning("presence.unreachable", error=repr(error))
        self._reachable, self._must_rewrite = False, True
        self._leases.forget()
        self._certain_from = self._clock() + self._doubt_s

    async def _people(self) -> dict[str, Online]:
        found = await self._redis.hgetall(self._key("people"))
        return {user: online for user, person in found.items() if (online := _online(person)) is not None}

    async def _run(self, script: str, *args: Any) -> Any:
        return await self._scripts[script](args=[self._prefix, self._process, *args])

    def _key(self, *parts: object) -> str:
        return ":".join(map(str, (self._prefix, *parts)))


def _json(person: Online) -> str:
    return msgspec.json.encode(person).decode()


def _online(person: str) -> Online | None:
    """None for the record of another version that this one cannot read."""
    try:
        return msgspec.json.decode(person, type=Online)
    except msgspec.DecodeError:
        return None
