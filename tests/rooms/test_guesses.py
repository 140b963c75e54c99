"""Counting tries: some are free, each further one waits twice as long, and whoever waits is refused."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import time_machine
from django.core.cache import caches
from redis import Redis as Client
from structlog.testing import capture_logs

from chatsite.caches import caches as caches_on
from rooms import guesses
from rooms.errors import AuthExpired, AuthRequired, RateLimited
from rooms.guesses import HOUR_S, Count
from rooms.redis_hosts import parse
from tests.support.services import Redis

COUNT = Count("test:one", 3, HOUR_S)
OTHER = Count("test:other", 3, HOUR_S)


@pytest.fixture(params=["memory", "redis"])
def _store(request: pytest.FixtureRequest, settings: Any) -> None:
    """Each place where counts are kept in turn."""
    if request.param == "redis":
        _share(settings, request.getfixturevalue("redis"))


@pytest.fixture
def shared(settings: Any, redis: Redis) -> Redis:
    _share(settings, redis)
    return redis


def _share(settings: Any, redis: Redis) -> None:
    settings.CACHES = caches_on(parse(redis.url))


@pytest.fixture(autouse=True)
def _working(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "_outage", guesses._Outage())


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(1_800_000_000, tick=False) as traveller:
        yield traveller


def wait_s(counts: tuple[Count, ...] = (COUNT,)) -> float | None:
    """For how long these counts are locked; None: they are not."""
    try:
        guesses.check(counts)
    except RateLimited as error:
        return (error.retry_after_ms or 0) / 1000
    return None


def take(times: int, count: Count = COUNT) -> None:
    for _ in range(times):
        guesses.take((count,))


# --- Waiting ----------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("_store")
def test_the_first_tries_are_free_and_the_last_of_them_locks() -> None:
    take(2)
    assert wait_s() is None
    take(1)
    assert 0 < (wait_s() or 0) <= 1.001
    with pytest.raises(RateLimited):
        take(1)


def test_each_further_try_waits_twice_as_long_up_to_the_longest(clock: Any, settings: Any) -> None:
    settings.CHAT_SIGN_IN_DELAY_S, settings.CHAT_SIGN_IN_LOCKOUT_S = 2, 10
    take(2)
    waits = []
    for _ in range(5):
        take(1)
        waits.append(round(wait_s() or 0))
        clock.shift(waits[-1])
    assert waits == [2, 4, 8, 10, 10]


@pytest.mark.parametrize("limit", ["CHAT_SIGN_IN_DELAY_S", "CHAT_SIGN_IN_LOCKOUT_S"])
def test_without_a_delay_nothing_is_locked(settings: Any, limit: str) -> None:
    setattr(settings, limit, 0)
    take(20)
    assert wait_s() is None


def test_tries_are_forgotten_after_the_window(clock: Any) -> None:
    take(2)
    clock.shift(HOUR_S + 1)
    take(2)
    assert wait_s() is None
    take(1)
    assert wait_s()


@pytest.mark.usefixtures("_store")
def test_of_many_tries_at_once_one_takes_a_turn_that_is_not_free(settings: Any) -> None:
    settings.CHAT_SIGN_IN_DELAY_S = 60
    take(2)

    def taken(_: int) -> bool:
        try:
            guesses.take((COUNT,))
        except RateLimited:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(taken, range(40))) == 1


@pytest.mark.usefixtures("_store")
def test_of_several_counts_the_longest_wait_counts_and_a_refusal_counts_nowhere(settings: Any) -> None:
    settings.CHAT_SIGN_IN_DELAY_S = 60
    take(3)
    for _ in range(5):
        with pytest.raises(RateLimited) as refusal:
            guesses.take((OTHER, COUNT))
    assert refusal.value.retry_after_ms
    assert 50_000 < refusal.value.retry_after_ms <= 60_001
    take(2, OTHER)
    assert wait_s((OTHER,)) is None


@pytest.mark.usefixtures("_store")
def test_a_try_that_is_given_back_never_was() -> None:
    take(2)
    for _ in range(5):
        guesses.give_back(guesses.take((COUNT,)))
    assert wait_s() is None
    take(1)
    assert wait_s()


@pytest.mark.usefixtures("_store")
def test_what_is_forgotten_is_counted_from_zero() -> None:
    take(3)
    guesses.forget((COUNT,))
    take(2)
    assert wait_s() is None


# --- Whose ------------------------------------------------------------------------------------------------------------
def _name(address: str) -> str | None:
    counts = guesses.by_address("test", address, 3)
    return counts[0].name.partition(":")[2] if counts else None


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", None),
        ("testclient", None),
    ],
)
def test_addresses_are_counted_by_what_one_customer_has(address: str, name: str | None) -> None:
    assert _name(address) == name


def test_a_limit_of_0_counts_nothing() -> None:
    assert guesses.by_address("test", "192.0.2.7", 0) == guesses.by_name("test", "alice", 0) == ()


def test_names_stand_in_no_key_and_keys_begin_with_the_prefix(settings: Any, shared: Redis) -> None:
    settings.CHAT_REDIS_PREFIX = "example"
    settings.CHAT_SIGN_IN_DELAY_S = 60
    take(3, guesses.by_name("account", "alice", 3)[0])
    with closing(Client.from_url(shared.url, decode_responses=True)) as client:
        keys = sorted(client.keys())
        assert all(client.ttl(key) > 0 for key in keys)
    assert len(keys) == 2
    assert all(key.startswith("example:guesses:account:") and "alice" not in key for key in keys)


# --- Tokens -----------------------------------------------------------------------------------------------------------
def read(error: Exception | None = None, *, address: str = "192.0.2.7", is_known: bool = False) -> None:
    with guesses.token(address=address, door="socket", is_known=is_known):
        if error:
            raise error


@pytest.fixture
def _locked(settings: Any) -> None:
    settings.CHAT_SIGN_IN_ADDRESS_FAILURES = 3
    settings.CHAT_SIGN_IN_DELAY_S = 60
    for _ in range(3):
        with pytest.raises(AuthRequired):
            read(AuthRequired())


@pytest.mark.usefixtures("_locked")
def test_after_too_many_wrong_tokens_none_of_the_address_is_read() -> None:
    with pytest.raises(RateLimited):
        read()
    read(address="192.0.2.8")


@pytest.mark.usefixtures("_locked")
def test_who_has_signed_in_already_may_show_a_new_token() -> None:
    read(is_known=True)


def test_right_and_expired_tokens_are_no_guesses(settings: Any) -> None:
    settings.CHAT_SIGN_IN_ADDRESS_FAILURES = 1
    for _ in range(3):
        read()
        with pytest.raises(AuthExpired):
            read(AuthExpired())


def test_each_wrong_token_is_in_the_log_without_the_token() -> None:
    with capture_logs() as logs, pytest.raises(AuthRequired):
        read(AuthRequired())
    [line] = logs
    assert line == {
        "event": "sign_in.failed", "log_level": "warning", "by": "token", "door": "socket", "address": "192.0.2.7"
    }  # fmt: skip


# --- When the cache is away -------------------------------------------------------------------------------------------
def test_while_redis_is_away_counts_are_in_memory_and_the_log_says_so_once(
    shared: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [time.monotonic()]
    monkeypatch.setattr(guesses, "monotonic", lambda: clock[0])
    take(3)
    shared.kill()
    with capture_logs() as logs:
        for _ in range(2):
            clock[0] += guesses.RETRY_S + 1
            take(1)
        assert [line["event"] for line in logs] == ["guesses.in_memory"]
        take(1)
        assert wait_s()
        shared.restart()
        clock[0] += guesses.RETRY_S + 1
        assert wait_s() is None
    assert [line["event"] for line in logs] == ["guesses.in_memory", "guesses.shared_again"]


def test_a_cache_that_failed_is_left_alone_for_a_while(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "chat": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "shared"},
    }
    asked = []

    def fail(*_: object) -> None:
        asked.append(1)
        raise OSError

    monkeypatch.setattr(caches["chat"], "add", fail)
    take(2)
    assert len(asked) == 1


def test_a_key_that_ended_while_it_was_counted_ends_again(shared: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis makes a key for a count that is not there, and that one would stay for ever."""
    cache: Any = caches["chat"]
    add: Callable[..., bool] = cache.add
    with closing(Client.from_url(shared.url)) as client:

        def add_and_lose(key: str, value: Any, timeout: float) -> bool:
            added = add(key, value, timeout)
            client.set(key, 0)  # as one without an end
            return added

        monkeypatch.setattr(cache, "add", add_and_lose)
        take(1)
        assert client.ttl(COUNT.tries) > 0
