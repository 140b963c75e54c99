"""Counts what an address or an account may do a few times only: wrong tokens here, wrong passwords in `accounts`.

The first tries are free; each further one locks the count, for twice as long as the one before, up to
CHAT_SIGN_IN_LOCKOUT_S. The counts are in the cache `chat` of the project's CACHES, which all processes share, or in the
memory of this process: where there is no such cache, and for as long as it fails. Knows neither users nor passwords.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from threading import Lock
from time import monotonic, time
from typing import TypeVar

import structlog
from django.core.cache import BaseCache, caches
from django.core.cache.backends.locmem import LocMemCache
from django.utils.crypto import salted_hmac

from rooms.conf import conf
from rooms.errors import AuthExpired, AuthRequired, RateLimited

log = structlog.get_logger(__name__)
R = TypeVar("R")
T = TypeVar("T")
ALIAS = "chat"
HOUR_S, DAY_S = 3_600, 86_400
COUNTS = 100_000  # in memory; then those that were not used for the longest time are forgotten
RETRY_S = 5.0  # a cache that failed is left alone for so long: a hanging one must not delay every sign-in
NETWORK_BITS = 64  # of an IPv6 address: what one customer of a provider has

memory = LocMemCache("chat-guesses", {"OPTIONS": {"MAX_ENTRIES": COUNTS}})


@dataclass(frozen=True, slots=True)
class Count:
    """What is counted under one name: `free` tries within `window_s` of the first are not delayed."""

    name: str
    free: int
    window_s: int

    @property
    def tries(self) -> str:
        return f"{conf.CHAT_REDIS_PREFIX}:guesses:{self.name}"

    @property
    def lock(self) -> str:
        return f"{self.tries}:lock"


@dataclass(frozen=True, slots=True)
class Taken:
    """Tries that were counted, of which `locked` have locked their count."""

    counts: tuple[Count, ...]
    locked: tuple[Count, ...]


def by_address(kind: str, address: str, free: int) -> tuple[Count, ...]:
    """The count of this kind for an address; none where the limit is off, and for what is no address."""
    counted = network(address) if free > 0 else None
    return () if counted is None else (Count(f"{kind}:{counted}", free, HOUR_S),)


def by_name(kind: str, name: str, free: int) -> tuple[Count, ...]:
    """The count of this kind for a name, which is hashed; none where the limit is off."""
    return (Count(f"{kind}:{hashed(name)}", free, DAY_S),) if free > 0 else ()


def hashed(name: str) -> str:
    """What stands for a name in keys and logs: people type passwords into the wrong field."""
    return salted_hmac("rooms.guesses", name.encode(errors="replace"), algorithm="sha256").hexdigest()[:24]


def take(counts: Iterable[Count]) -> Taken:
    """Counts a try before it is made, so that many at once are no way round; raises RateLimited instead."""
    return _in_cache(_take, tuple(counts))


def check(counts: Iterable[Count]) -> None:
    """Raises RateLimited while one of these is locked."""
    _in_cache(_check, tuple(counts))


def give_back(taken: Taken) -> None:
    """The try was none, or was right: it counts no longer."""
    _in_cache(_give_back, taken)


def forget(counts: Iterable[Count]) -> None:
    """Resets these counts."""
    _in_cache(_forget, tuple(counts))


@contextmanager
def token(*, address: str, door: str, is_known: bool = False) -> Iterator[None]:
    """Counts wrong tokens of an address, which the block reads; raises RateLimited instead after too many.

    `is_known`: the caller has proved already who they are, and is not refused for what others at the address do. An
    expired token is no guess: it was right once.
    """
    counts = by_address("token", address, conf.CHAT_SIGN_IN_ADDRESS_FAILURES)
    if not is_known:
        check(counts)
    try:
        yield
    except AuthExpired:
        raise
    except AuthRequired:
        log.warning("sign_in.failed", by="token", door=door, address=address)
        _in_cache(_fail, counts)
        raise


# --- On a cache -------------------------------------------------------------------------------------------------------
def _check(cache: BaseCache, counts: tuple[Count, ...]) -> None:
    ends = cache.get_many([count.lock for count in counts]) if counts else {}
    if ends and (left_s := max(ends.values()) - time()) > 0:
        raise RateLimited(retry_after_ms=int(left_s * 1000) + 1)


def _take(cache: BaseCache, counts: tuple[Count, ...]) -> Taken:
    _check(cache, counts)
    taken = Taken((), ())
    for count in counts:
        lock_s = _lock_s(count, _add(cache, count))
        is_locked = lock_s > 0 and cache.add(count.lock, time() + lock_s, lock_s)
        taken = Taken((*taken.counts, count), (*taken.locked, *((count,) if is_locked else ())))
        if lock_s > 0 and not is_locked:  # another try has taken this turn since the check
            _give_back(cache, taken)
            raise RateLimited(retry_after_ms=lock_s * 1000)
    return taken


def _fail(cache: BaseCache, counts: tuple[Count, ...]) -> None:
    for count in counts:
        if (lock_s := _lock_s(count, _add(cache, count))) > 0:
            cache.add(count.lock, time() + lock_s, lock_s)


def _add(cache: BaseCache, count: Count) -> int:
    """How many there are with this one."""
    cache.add(count.tries, 0, count.window_s)
    try:
        number = cache.incr(count.tries)
    except ValueError:  # it ended between the two
        return 1
    if number == 1:  # some caches make a key that ended between the two, and that one would never end
        cache.touch(count.tries, count.window_s)
    return number


def _lock_s(count: Count, number: int) -> int:
    """For how long the try of this number locks its count; the free ones do not."""
    doublings = number - count.free
    if doublings < 0:
        return 0
    return int(min(conf.CHAT_SIGN_IN_DELAY_S * 2 ** min(doublings, 32), conf.CHAT_SIGN_IN_LOCKOUT_S))


def _give_back(cache: BaseCache, taken: Taken) -> None:
    for count in taken.counts:
        try:
            cache.decr(count.tries)
        except ValueError:  # it has ended meanwhile
            continue
    cache.delete_many([count.lock for count in taken.locked])


def _forget(cache: BaseCache, counts: tuple[Count, ...]) -> None:
    cache.delete_many([key for count in counts for key in (count.tries, count.lock)])


# --- Which cache ------------------------------------------------------------------------------------------------------
class _Outage:
    """Since when the shared cache fails, and when to try it again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._until = 0.0

    def is_over(self) -> bool:
        return monotonic() >= self._until

    def begins(self, error: Exception) -> None:
        with self._lock:
            if not self._until:
                log.warning("guesses.in_memory", exc_info=error)
            self._until = monotonic() + RETRY_S

    def ends(self) -> None:
        with self._lock:
            if self._until:
                log.info("guesses.shared_again")
            self._until = 0.0


_outage = _Outage()


def _in_cache(act: Callable[[BaseCache, T], R], what: T) -> R:
    """Acts on the shared cache; on this process' memory where there is none, and while it fails."""
    if ALIAS not in caches.settings or not _outage.is_over():
        return act(memory, what)
    try:
        answer = act(caches[ALIAS], what)
    except RateLimited:
        _outage.ends()
        raise
    except Exception as error:  # noqa: BLE001 - each kind of cache raises its own; signing in goes on without it
        _outage.begins(error)
        return act(memory, what)
    _outage.ends()
    return answer


# --- Addresses --------------------------------------------------------------------------------------------------------
def network(text: str) -> str | None:
    """What addresses are counted by: an IPv4 address, also one written as IPv6, or the /64 of an IPv6 address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, NETWORK_BITS), strict=False))
