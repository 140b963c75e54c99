"""Token buckets: what they grant, when exactly the next one comes, and that nothing idle is kept."""

from typing import Any

import pytest
from django.conf import LazySettings

from rooms.errors import RateLimited
from rooms.live.rates import REMEMBERED_S, Rates

ALICE, BOB, HALL, GARDEN = 1, 2, 10, 11


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock, settings: LazySettings) -> Rates:
    settings.CHAT_RATE_MESSAGES = "5/s burst 4"
    settings.CHAT_RATE_ROOM_MESSAGES = "1/s burst 3"
    settings.CHAT_RATE_JOINS = "2/s burst 2"
    return Rates(clock)


def wait_ms(spend: Any, *args: Any) -> int:
    """How long the caller is to wait; 0: it was granted."""
    try:
        spend(*args)
    except RateLimited as error:
        return error.retry_after_ms or -1
    return 0


def test_a_burst_is_granted_at_once_and_then_one_token_after_the_other(rates: Rates, clock: Clock) -> None:
    assert [wait_ms(rates.spend, "joins", ALICE) for _ in range(3)] == [0, 0, 500]
    clock.now += 0.5
    assert [wait_ms(rates.spend, "joins", ALICE) for _ in range(2)] == [0, 500]


@pytest.mark.parametrize("early_s", [0.001, 0.2])
def test_the_wait_that_is_named_is_exact(rates: Rates, clock: Clock, early_s: float) -> None:
    while not (wait := wait_ms(rates.spend, "joins", ALICE)):
        clock.now += 0.123
    clock.now += wait / 1000 - early_s
    assert wait_ms(rates.spend, "joins", ALICE) == early_s * 1000
    clock.now += early_s
    assert wait_ms(rates.spend, "joins", ALICE) == 0


def test_who_waits_long_has_a_whole_burst_again_and_no_more(rates: Rates, clock: Clock) -> None:
    for _ in range(2):
        rates.spend("joins", ALICE)
    clock.now += 3600
    assert [wait_ms(rates.spend, "joins", ALICE) for _ in range(3)] == [0, 0, 500]


def test_each_owner_and_each_bucket_counts_alone(rates: Rates, settings: LazySettings) -> None:
    settings.CHAT_RATE_READS = "1/s burst 1"
    for _ in range(2):
        rates.spend("joins", ALICE)
    with pytest.raises(RateLimited) as refused:
        rates.spend("joins", ALICE)
    assert refused.value.bucket == "joins"
    rates.spend("joins", BOB)
    rates.spend("reads", ALICE)


def test_a_rate_of_0_limits_nothing_and_counts_nothing(rates: Rates, settings: LazySettings) -> None:
    settings.CHAT_RATE_JOINS = settings.CHAT_RATE_MESSAGES = settings.CHAT_RATE_ROOM_MESSAGES = "0"
    for _ in range(1000):
        rates.spend("joins", ALICE)
        rates.spend_message(ALICE, HALL, "same")
    assert not rates._buckets
    assert not rates._talks


def test_a_message_needs_a_token_of_the_room_and_one_of_the_user(rates: Rates) -> None:
    assert [wait_ms(rates.spend_message, ALICE, HALL, None) for _ in range(4)] == [0, 0, 0, 1000]
    assert [wait_ms(rates.spend_message, ALICE, GARDEN, None) for _ in range(2)] == [0, 200]
    assert wait_ms(rates.spend_message, BOB, HALL, None) == 0


def test_a_refused_message_names_the_bucket_to_wait_for_and_costs_nothing(rates: Rates, clock: Clock) -> None:
    for _ in range(3):
        rates.spend_message(ALICE, HALL, None)
    for _ in range(9):
        with pytest.raises(RateLimited) as refused:
            rates.spend_message(ALICE, HALL, None)
        assert refused.value.bucket == "room-messages"
    rates.spend_message(ALICE, GARDEN, None)
    with pytest.raises(RateLimited) as refused:
        rates.spend_message(ALICE, GARDEN, None)
    assert (refused.value.bucket, refused.value.retry_after_ms) == ("messages", 200)


def test_one_of_the_two_rates_may_be_off(rates: Rates, settings: LazySettings) -> None:
    settings.CHAT_RATE_ROOM_MESSAGES = "0"
    assert [wait_ms(rates.spend_message, ALICE, HALL, None) for _ in range(5)] == [0, 0, 0, 0, 200]
    settings.CHAT_RATE_ROOM_MESSAGES, settings.CHAT_RATE_MESSAGES = "1/s burst 3", "0"
    assert [wait_ms(rates.spend_message, BOB, HALL, None) for _ in range(4)] == [0, 0, 0, 1000]


def test_a_message_that_is_sent_again_takes_no_new_token(rates: Rates, clock: Clock) -> None:
    for _ in range(50):
        rates.spend_message(ALICE, HALL, "one")
    for name in ("two", "three"):
        rates.spend_message(ALICE, HALL, name)
    assert wait_ms(rates.spend_message, ALICE, HALL, "four") == 1000
    assert wait_ms(rates.spend_message, ALICE, HALL, "four") == 1000, "it was not granted: it is no retry"
    assert wait_ms(rates.spend_message, ALICE, HALL, "one") == 0
    for name in ("one", "two", "three"):
        rates.spend_message(BOB, HALL, name)
    assert wait_ms(rates.spend_message, BOB, HALL, "four") == 1000, "alice's ids are not bob's"


def test_a_client_id_is_remembered_for_a_minute_and_forgotten_after_two(rates: Rates, clock: Clock) -> None:
    rates.spend_message(ALICE, HALL, "one")
    clock.now += REMEMBERED_S
    rates.forget()
    rates.spend_message(ALICE, HALL, "one")
    assert not rates._talks[ALICE].rooms, "it took no token"
    clock.now += REMEMBERED_S
    rates.forget()
    assert not rates._talks


def test_a_bucket_that_is_full_is_forgotten_and_no_other(rates: Rates, clock: Clock) -> None:
    for owner in range(1000):
        rates.spend("joins", owner)
    clock.now += REMEMBERED_S - 0.1
    rates.spend("joins", ALICE)
    clock.now += 0.2
    rates.forget()
    assert list(rates._buckets) == [("joins", ALICE)]
