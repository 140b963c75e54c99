"""The cache that processes share: one pool for all threads, on one server or behind Sentinel."""

from threading import Thread
from typing import Any

import pytest
from django.core.cache import caches as django_caches
from redis.sentinel import SentinelConnectionPool

from chatsite.caches import SharedPool, caches
from rooms.redis_hosts import parse
from tests.support.services import Redis


def test_without_redis_there_is_no_shared_cache() -> None:
    assert set(caches([])) == {"default"}


def test_all_threads_share_one_pool(settings: Any, redis: Redis) -> None:
    settings.CACHES = caches(parse(redis.url))
    pools = []

    def use() -> None:
        cache: Any = django_caches["chat"]
        cache.set("key", 1)
        pools.append(cache._cache._get_connection_pool(write=True))

    for _ in range(2):
        thread = Thread(target=use)
        thread.start()
        thread.join()
    assert len(pools) == 2
    assert pools[0] is pools[1]
    pools[0].disconnect()


def test_of_several_servers_the_first_is_used(settings: Any, redis: Redis) -> None:
    settings.CACHES = caches(parse(f"{redis.url},redis://127.0.0.1:1/0"))
    django_caches["chat"].set("key", 7)
    assert django_caches["chat"].get("key") == 7


@pytest.mark.parametrize("url", ["redis+sentinel://:secret@one:26379,two:26379/chat/0?sentinel_password=other"])
def test_sentinel_is_asked_for_the_server(url: str) -> None:
    pool = SharedPool(parse(url)[0]).from_url("")
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.connection_kwargs["password"] == "secret"
