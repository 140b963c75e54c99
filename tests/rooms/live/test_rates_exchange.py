"""Buckets over processes: what one learns of another, how much they grant together, and that each can go on alone."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing, suppress

import pytest
from django.conf import LazySettings
from redis import Redis as Client

from rooms.conf import conf
from rooms.errors import RateLimited
from rooms.live.rates import Rates
from rooms.live.rates_exchange import EVERY_S, RatesExchange, configured_exchange
from tests.support.services import Redis

ALICE, HALL = 1, 10
BURST = 10
Process = tuple[Rates, RatesExchange]


@pytest.fixture
async def make(settings: LazySettings, redis: Redis) -> AsyncIterator[Callable[[], Process]]:
    """Starts one more process's rates; all share a clock that stands, so that no token comes by itself."""
    settings.CHAT_REDIS_URL, settings.CHAT_REDIS_PREFIX = redis.url, "test"
    settings.CHAT_RATE_JOINS = f"1/min burst {BURST}"
    settings.CHAT_RATE_MESSAGES, settings.CHAT_RATE_ROOM_MESSAGES = "1/min burst 5", "1/min burst 2"
    async with AsyncExitStack() as stack:

        def make() -> Process:
            rates, exchange = configured_exchange()
            for client in exchange._clients:
                stack.push_async_callback(client.aclose)
            return rates, exchange

        yield make


def granted(rates: Rates, attempts: int = 100) -> int:
    count = 0
    with suppress(RateLimited):
        for _ in range(attempts):
            rates.spend("joins", ALICE)
            count += 1
    return count


async def test_what_one_process_granted_counts_in_the_others(make: Callable[[], Process]) -> None:
    (here, of_here), (there, of_there) = make(), make()
    assert granted(here, 6) == 6
    await of_here.exchange()
    assert granted(there, 1) == 1, "it has not heard of anything yet"
    await of_there.exchange()
    assert granted(there) == BURST - 7


async def test_together_they_grant_what_was_unheard_of_more_and_it_is_owed(make: Callable[[], Process]) -> None:
    processes = [make() for _ in range(3)]
    total = 0
    for _ in range(5):
        total += sum(granted(rates) for rates, _ in processes)
        for _, exchange in processes:
            await exchange.exchange()
    assert total == 3 * BURST, "the burst once, and once more for each of the others"
    for rates, _ in processes:
        with pytest.raises(RateLimited) as refused:
            rates.spend("joins", ALICE)
        owed_s = (2 * BURST + 1) * 60
        assert owed_s - 60 < (refused.value.retry_after_ms or 0) / 1000 <= owed_s


async def test_a_message_counts_for_its_user_and_its_room_in_every_process(make: Callable[[], Process]) -> None:
    (here, of_here), (there, of_there) = make(), make()
    here.spend_message(ALICE, HALL, None)
    await of_here.exchange()
    there.spend_message(ALICE, HALL, None)
    await of_there.exchange()
    with pytest.raises(RateLimited) as refused:
        there.spend_message(ALICE, HALL, None)
    assert refused.value.bucket == "room-messages"


async def test_the_exchange_makes_nobody_wait_longer_than_was_said(
    make: Callable[[], Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, exchange = make()
    now = 1000.0
    monkeypatch.setattr(rates, "clock", lambda: now)
    granted(rates)
    with pytest.raises(RateLimited) as refused:
        rates.spend("joins", ALICE)
    now += EVERY_S
    await exchange.exchange()
    now += (refused.value.retry_after_ms or 0) / 1000 - EVERY_S
    assert granted(rates, 2) == 1


async def test_a_bucket_in_redis_has_the_prefix_and_goes_by_itself(make: Callable[[], Process], redis: Redis) -> None:
    rates, exchange = make()
    rates.spend("joins", ALICE)
    await exchange.exchange()
    with closing(Client.from_url(redis.url, decode_responses=True)) as client:
        assert client.keys() == ["test:rate:joins:1"]
        assert 0 < int(client.pttl("test:rate:joins:1")) <= 60_000


async def test_what_was_only_asked_about_takes_nothing(make: Callable[[], Process], redis: Redis) -> None:
    (here, of_here), (there, of_there) = make(), make()
    granted(here)
    await of_here.exchange()
    rate = conf.CHAT_RATE_JOINS
    assert rate is not None
    assert there.wait_s(("joins", ALICE), rate) == 0
    await of_there.exchange()
    assert there.wait_s(("joins", ALICE), rate) > 59
    assert there.wait_s(("joins", ALICE), rate) <= 60


async def test_without_redis_a_process_counts_alone_and_later_tells_nothing_of_that_time(
    make: Callable[[], Process], redis: Redis
) -> None:
    (here, of_here), (there, of_there) = make(), make()
    redis.kill()
    assert granted(here) == BURST
    await of_here.exchange()
    assert granted(here) == 0, "its own limit holds"
    redis.restart()
    await of_here.exchange()
    assert granted(there, 1) == 1
    await of_there.exchange()
    assert granted(there) == BURST - 1


async def test_each_bucket_is_on_one_of_several_servers(
    make: Callable[[], Process], settings: LazySettings, redis: Redis, second_redis: Redis
) -> None:
    settings.CHAT_REDIS_URL = [redis.url, second_redis.url]
    (here, of_here), (there, of_there) = make(), make()
    for owner in range(20):
        here.spend("joins", owner)
    await of_here.exchange()
    keys = []
    for server in (redis, second_redis):
        with closing(Client.from_url(server.url)) as client:
            keys.append(len(client.keys()))
    assert sum(keys) == 20
    assert all(keys)
    for owner in range(20):
        there.spend("joins", owner)
    await of_there.exchange()
    assert all(bucket.full_at - there.clock() > 100 for bucket in there._buckets.values())


async def test_one_process_needs_no_redis(settings: LazySettings) -> None:
    settings.CHAT_REDIS_URL = ""
    rates, exchange = configured_exchange()
    granted(rates)
    assert not rates._noted
    await exchange.exchange()


async def test_more_buckets_than_one_call_takes_are_sent_in_several(
    make: Callable[[], Process], monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    monkeypatch.setattr("rooms.live.rates_exchange.AT_ONCE", 3)
    rates, exchange = make()
    for owner in range(7):
        rates.spend("joins", owner)
    await exchange.exchange()
    with closing(Client.from_url(redis.url)) as client:
        assert len(client.keys()) == 7
