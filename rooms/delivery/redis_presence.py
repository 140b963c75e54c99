"""Presence over several processes: counts in Redis, and a lease a process, so that a dead one's people are let go.

Every change is one script, so counts never tear. When Redis does not answer, this process's own people are what is
known; its share is written anew when Redis is back.
"""

import uuid
from collections.abc import Iterable
from typing import Any, cast

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from rooms.delivery.presence import HERE, Change, MemoryPresence, Online

log = structlog.get_logger(__name__)
TIMEOUT_S = 2.0  # a Redis that hangs delays a join by this at most

# Keys: chat:place:<place> user → sockets; chat:places the places with people; chat:people user → Online as JSON;
# chat:share:<process> "place user" → sockets counted by that process; chat:leases process → when its lease ends (ms).
CHANGE = """
local place, user, delta, person, process = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local key, share, field = 'chat:place:' .. place, 'chat:share:' .. process, place .. ' ' .. user
local mine = redis.call('HINCRBY', share, field, delta)
if mine <= 0 then redis.call('HDEL', share, field) end
if mine < 0 then delta = 0 end -- its process was taken for dead, so what leaves is not counted any more
local sockets = redis.call('HINCRBY', key, user, delta)
if person ~= '' then redis.call('HSETNX', 'chat:people', user, person) end
if sockets <= 0 then
  redis.call('HDEL', key, user)
  if place == '0' then redis.call('HDEL', 'chat:people', user) end
end
local count = redis.call('HLEN', key)
redis.call(count > 0 and 'SADD' or 'SREM', 'chat:places', place)
return {sockets, count}
"""
# Takes back all one process counted; answers place, user, person for all who so left.
DROP = """
local left, people = {}, {}
local share = redis.call('HGETALL', 'chat:share:' .. ARGV[1])
for i = 1, #share, 2 do
  local place, user = string.match(share[i], '(%d+) (%d+)')
  local key = 'chat:place:' .. place
  people[user] = people[user] or redis.call('HGET', 'chat:people', user) or ''
  if redis.call('HINCRBY', key, user, -tonumber(share[i + 1])) <= 0 then
    redis.call('HDEL', key, user)
    if place == '0' then redis.call('HDEL', 'chat:people', user) end
    if redis.call('HLEN', key) == 0 then redis.call('SREM', 'chat:places', place) end
    table.insert(left, place) table.insert(left, user) table.insert(left, people[user])
  end
end
redis.call('DEL', 'chat:share:' .. ARGV[1])
redis.call('ZREM', 'chat:leases', ARGV[1])
return left
"""
# Renews a lease. Answers whether it was still held, and the processes whose lease has ended.
BEAT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('ZSCORE', 'chat:leases', ARGV[1]) and 1 or 0
redis.call('ZADD', 'chat:leases', now + tonumber(ARGV[2]), ARGV[1])
return {held, redis.call('ZRANGEBYSCORE', 'chat:leases', '-inf', now)}
"""


class RedisPresence:
    def __init__(self, url: str, *, lease_s: float) -> None:
        self._redis: Redis = Redis.from_url(
            url, decode_responses=True, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._process = uuid.uuid4().hex
        self._lease_ms = int(lease_s * 1000)
        self._mine = MemoryPresence()
        self._stale = False  # Redis may not know all of `_mine`
        self._under_way = 0  # changes that Redis has not answered
        self._change, self._drop, self._beat = (self._redis.register_script(script) for script in (CHANGE, DROP, BEAT))

    async def arrive(self, person: Online) -> Change:
        mine = self._mine.add(HERE, person.user_id, person)
        return await self._count(mine, HERE, person.user_id, +1, msgspec.json.encode(person).decode())

    async def depart(self, user_id: int) -> Change:
        return await self._count(self._mine.remove(HERE, user_id), HERE, user_id, -1)

    async def enter(self, room: int, user_id: int) -> Change:
        return await self._count(self._mine.add(room, user_id), room, user_id, +1)

    async def leave(self, room: int, user_id: int) -> Change:
        return await self._count(self._mine.remove(room, user_id), room, user_id, -1)

    async def counts(self, rooms: Iterable[int]) -> dict[int, int]:
        rooms = list(rooms)
        try:
            pipe = self._redis.pipeline(transaction=False)
            for room in rooms:
                pipe.hlen(f"chat:place:{room}")
            return dict(zip(rooms, await pipe.execute(), strict=True))
        except RedisError:
            return await self._mine.counts(rooms)

    async def online(self) -> list[Online]:
        try:
            people = await self._people()
        except RedisError:
            return await self._mine.online()
        return sorted(people.values(), key=lambda person: person.authenticated_at)

    async def rooms(self) -> dict[int, list[Online]]:
        try:
            people = await self._people()
            places = [place for place in await cast(Any, self._redis.smembers("chat:places")) if place != str(HERE)]
            pipe = self._redis.pipeline(transaction=False)
            for place in places:
                pipe.hkeys(f"chat:place:{place}")
            users = await pipe.execute()
        except RedisError:
            return await self._mine.rooms()
        return {
            int(place): [people[user] for user in here if user in people]
            for place, here in zip(places, users, strict=True)
        }

    async def beat(self) -> list[tuple[int, Online]]:
        try:
            held, ended = await self._beat(args=[self._process, self._lease_ms])
            if self._stale or not held:
                await self._write_anew()
            left = [await self._drop(args=[process]) for process in ended if process != self._process]
        except RedisError as error:
            log.warning("presence.unreachable", error=repr(error))
            self._stale = True
            return []
        return [one for answer in left for one in _left(answer)]

    async def close(self) -> list[tuple[int, Online]]:
        try:
            return _left(await self._drop(args=[self._process]))
        except RedisError as error:
            log.warning("presence.unreachable", error=repr(error))
            return []
        finally:
            await self.disconnect()

    def reachable(self) -> bool:
        return not self._stale

    async def disconnect(self) -> None:
        await self._redis.aclose()

    async def _count(self, mine: Change, place: int, user_id: int, delta: int, person: str = "") -> Change:
        self._under_way += 1
        try:
            sockets, count = await self._change(args=[place, user_id, delta, person, self._process])
        except RedisError as error:
            log.warning("presence.unreachable", error=repr(error))
            self._stale = True
            return mine
        finally:
            self._under_way -= 1
        return Change(sockets == 1 if delta > 0 else sockets <= 0, count)

    async def _write_anew(self) -> None:
        """Replaces this process's share by what it knows itself, in one transaction."""
        self._stale = self._under_way > 0  # it may now be counted twice: then the next beat does this again
        pipe = self._redis.pipeline(transaction=True)
        pipe.eval(DROP, 0, self._process)
        for place, users in self._mine.places.items():
            for user, sockets in users.items():
                person = msgspec.json.encode(self._mine.people[user]).decode() if place == HERE else ""
                pipe.eval(CHANGE, 0, str(place), str(user), str(sockets), person, self._process)
        pipe.eval(BEAT, 0, self._process, str(self._lease_ms))
        await pipe.execute()

    async def _people(self) -> dict[str, Online]:
        found = await cast(Any, self._redis.hgetall("chat:people"))
        return {user: _online(person) for user, person in found.items()}


def _left(answer: list[str]) -> list[tuple[int, Online]]:
    """The rooms and people in the answer of DROP; a person whose record was lost cannot be named."""
    pairs = zip(answer[::3], answer[2::3], strict=True)
    return [(int(place), _online(person)) for place, person in pairs if person and place != str(HERE)]


def _online(person: str) -> Online:
    return msgspec.json.decode(person, type=Online)
