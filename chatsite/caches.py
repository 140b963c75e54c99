"""The cache that all processes of the stand-alone site share: on Redis, where there is one.

Django's cache backend makes a pool of connections for each thread, and every request has a thread of its own; here all
share one pool, which may also ask Sentinel. Of several servers the first one is used.
"""

from threading import Lock
from typing import Any

from rooms.redis_hosts import Host

TIMEOUT_S = 1.0  # for Redis to answer: a sign-in waits so long
MAX_CONNECTIONS = 8


class SharedPool:
    """Stands where Django's backend expects a class of pools; makes one, when it is first asked."""

    def __init__(self, host: Host) -> None:
        self._host, self._pool, self._lock = host, None, Lock()

    def from_url(self, _url: str, **_options: Any) -> Any:
        with self._lock:
            self._pool = self._pool or _pool(self._host)
        return self._pool


def caches(hosts: list[Host]) -> dict[str, dict[str, Any]]:
    """Django's CACHES; without Redis each process counts for itself, in memory."""
    default = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    if not hosts:
        return {"default": default}
    shared = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://",  # the pool knows where
        "KEY_FUNCTION": _key,
        "OPTIONS": {"pool_class": SharedPool(hosts[0])},
    }
    return {"default": default, "chat": shared}


def _key(key: str, _prefix: str, _version: int) -> str:
    """As it is: the chat's keys begin with CHAT_REDIS_PREFIX."""
    return key


def _pool(host: Host) -> Any:
    from redis import BlockingConnectionPool
    from redis.sentinel import Sentinel, SentinelConnectionPool

    options = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, **host}
    if address := options.pop("address", None):
        limits = {"max_connections": MAX_CONNECTIONS, "timeout": TIMEOUT_S}
        return BlockingConnectionPool.from_url(address, **limits, **options)
    sentinels, sentinel_options = options.pop("sentinels"), options.pop("sentinel_kwargs")
    sentinel = Sentinel(sentinels, sentinel_kwargs=sentinel_options)  # type: ignore[no-untyped-call]
    return SentinelConnectionPool(options.pop("master_name"), sentinel, **options)  # type: ignore[no-untyped-call]
