"""Buckets over several processes: each tells Redis what was taken here, and learns what was taken everywhere.

Nobody waits for it: a process decides by what it knows. So n processes grant one user at most the burst, the rate, and
(n - 1) x (burst + rate x EVERY_S) that the others had not heard of; that too is owed, and paid back by waiting. While
Redis is away each process counts alone, and what was taken meanwhile is not shared later.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import Any

import structlog

from rooms.conf import conf
from rooms.live.rates import Rates, Taken
from rooms.live.sharded_presence import configured_ring

log = structlog.get_logger(__name__)
EVERY_S = 0.3
AT_ONCE = 1_000  # buckets in one call of the script, which takes about a millisecond then
# A bucket is a key that expires when the bucket is full: no clock is read. Of each it is sent the name, what was taken
# and how long ago, in milliseconds; it answers in how many milliseconds each is full.
SCRIPT = """
local full_in = {}
for i = 2, #ARGV, 3 do
  local key, taken = ARGV[1] .. ':rate:' .. ARGV[i], tonumber(ARGV[i + 1])
  local before = redis.call('PTTL', key)
  if before < 0 then before = -tonumber(ARGV[i + 2]) end
  local after = math.floor(before + taken)
  if taken > 0 and after > 0 then redis.call('SET', key, '', 'PX', after) end
  table.insert(full_in, after)
end
return full_in
"""


class RatesExchange:
    def __init__(self, rates: Rates, clients: Sequence[Any], prefix: str) -> None:
        """`clients` are those of the servers of Redis, in the order of the ring; none: this process is alone."""
        self._rates, self._clients, self._prefix = rates, clients, prefix
        self._scripts = [client.register_script(SCRIPT) for client in clients]
        self._ring = configured_ring()
        self._is_alone = False

    async def run(self) -> None:
        """Exchanges for ever; cancelled, it closes its connections."""
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                self._rates.forget()
                await self.exchange()
        finally:
            await asyncio.gather(*(client.aclose() for client in self._clients), return_exceptions=True)

    async def exchange(self) -> None:
        if not self._scripts:
            return
        of_server: defaultdict[int, list[Taken]] = defaultdict(list)
        for taken in self._rates.noted():
            of_server[self._ring.shard(_name(taken))].append(taken)
        await asyncio.gather(*(self._exchange_with(number, taken) for number, taken in of_server.items()))

    async def _exchange_with(self, number: int, taken: list[Taken]) -> None:
        for start in range(0, len(taken), AT_ONCE):
            some, at = taken[start : start + AT_ONCE], self._rates.clock()
            words = chain.from_iterable((_name(one), one.taken_s * 1000, one.age_s * 1000) for one in some)
            try:
                full_in_ms = await self._scripts[number](args=[self._prefix, *words])
            except Exception as error:  # noqa: BLE001 - whatever the client raises, this process goes on alone
                if not self._is_alone:
                    log.warning("rates.alone", error=repr(error))
                self._is_alone = True
                return
            self._is_alone = False
            self._rates.learn(((one.bucket, ms / 1000) for one, ms in zip(some, full_in_ms, strict=True)), at)


def _name(taken: Taken) -> str:
    return ":".join(map(str, taken.bucket.key))


def configured_exchange() -> tuple[Rates, RatesExchange]:
    """This process's rates, and their exchange over the servers of CHAT_REDIS_URL, if there are any."""
    if not conf.CHAT_REDIS_URL:
        rates = Rates()
        return rates, RatesExchange(rates, [], "")
    from rooms.live.redis_client import client

    rates = Rates(is_shared=True)
    return rates, RatesExchange(rates, list(map(client, conf.CHAT_REDIS_URL)), conf.CHAT_REDIS_PREFIX)
