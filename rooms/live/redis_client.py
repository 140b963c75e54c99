"""A client for one Redis server, or for what Sentinel names. Imported only where Redis is used."""

from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

from rooms.redis_hosts import Host

TIMEOUT_S = 2.0  # for a connection to be free, and for Redis to answer
MAX_CONNECTIONS = 8  # redis-py keeps as many as were ever in use at once, and one carries thousands of changes a second


class SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Asks Sentinel where the primary is whenever it connects, and has callers wait for a free connection."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """With those in use it is the end of the pool: then the connections to the Sentinels are closed too."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def client(host: Host) -> Any:
    """Makes no connection yet. Untyped: redis-py's types say of each answer that it may have come already."""
    return Redis.from_pool(_pool(host))


def _pool(host: Host) -> BlockingConnectionPool:
    options = {
        "max_connections": MAX_CONNECTIONS,
        "timeout": TIMEOUT_S,
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
        "decode_responses": True,
        **host,
    }
    if address := options.pop("address", None):
        return BlockingConnectionPool.from_url(address, **options)
    sentinels, sentinel_options = options.pop("sentinels"), options.pop("sentinel_kwargs")
    sentinel = Sentinel(sentinels, sentinel_kwargs=sentinel_options)  # type: ignore[no-untyped-call]
    return SentinelPool(options.pop("master_name"), sentinel, **options)  # type: ignore[no-untyped-call]
