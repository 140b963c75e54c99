"""The instruments: what they count, how they forget, and how they show it."""

import os

import pytest

from monitoring.metrics import Instruments, resident_bytes


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def instruments(clock: Clock) -> Instruments:
    return Instruments(clock=clock)


def test_a_new_process_has_counted_nothing(instruments: Instruments) -> None:
    snapshot = instruments.snapshot()
    assert snapshot["connections"] == {"total": 0, "active": 0, "peak": 0}
    assert snapshot["messages"] == {"sent": 0, "received": 0, "failed": 0, "rate": 0}
    assert snapshot["rooms"] == {"active": 0}
    assert snapshot["process"] == os.getpid()


def test_the_peak_stays_when_connections_close(instruments: Instruments) -> None:
    for _ in range(3):
        instruments.connection_opened()
    instruments.connection_closed(1000)
    instruments.connection_closed(1001)
    assert instruments.active() == 1
    assert instruments.snapshot()["connections"] == {"total": 3, "active": 1, "peak": 3}


def test_closes_are_counted_by_code(instruments: Instruments) -> None:
    for code in (1001, 1008, 1008, 4001):
        instruments.connection_opened()
        instruments.connection_closed(code)
    assert 'chat_closes_total{code="1008"} 2.0' in instruments.text()
    assert 'chat_closes_total{code="4001"} 1.0' in instruments.text()


def test_codes_a_client_makes_up_share_one_series(instruments: Instruments) -> None:
    for code in range(3000, 3100):
        instruments.connection_opened()
        instruments.connection_closed(code)
    assert 'chat_closes_total{code="other"} 100.0' in instruments.text()
    assert instruments.text().count("chat_closes_total{") == 1


def test_messages_are_counted_both_ways(instruments: Instruments) -> None:
    instruments.received()
    instruments.received()
    instruments.failed()
    instruments.sent(200)
    instruments.rooms_active(7)
    snapshot = instruments.snapshot()
    assert (snapshot["messages"]["received"], snapshot["messages"]["failed"]) == (2, 1)
    assert snapshot["messages"]["sent"] == 200
    assert snapshot["rooms"]["active"] == 7


def test_the_rate_is_that_of_the_last_minute(instruments: Instruments, clock: Clock) -> None:
    clock.now += 600
    for _ in range(120):
        instruments.received()
    assert instruments.snapshot()["messages"]["rate"] == 2
    clock.now += 59
    assert instruments.snapshot()["messages"]["rate"] == 2
    clock.now += 1
    assert instruments.snapshot()["messages"]["rate"] == 0


def test_the_rate_of_a_young_process_is_not_thinned_by_time_before_its_start(
    instruments: Instruments, clock: Clock
) -> None:
    clock.now += 10
    for _ in range(100):
        instruments.received()
    assert instruments.snapshot()["messages"]["rate"] == 10


def test_the_last_minute_forgets_second_by_second(instruments: Instruments, clock: Clock) -> None:
    for _ in range(90):
        instruments.received()
        clock.now += 1
    instruments.failed()
    assert instruments.last_minute() == (59, 1)  # the present second has seen nothing yet
    clock.now += 3600
    assert instruments.last_minute() == (0, 0)
    assert instruments.snapshot()["messages"]["received"] == 90


def test_commits_are_measured(instruments: Instruments) -> None:
    instruments.stored(40, 0.004)
    instruments.stored(2, 0.2)
    instruments.publish_failed()
    for _ in range(2):
        instruments.relay_failed()
    text = instruments.text()
    assert "chat_messages_stored_total 42.0" in text
    assert "chat_store_seconds_count 2.0" in text
    assert 'chat_store_seconds_bucket{le="0.005"} 1.0' in text
    assert "chat_publish_failures_total 1.0" in text
    assert "chat_relay_failures_total 2.0" in text


def test_uptime_follows_the_clock(instruments: Instruments, clock: Clock) -> None:
    clock.now += 12.5
    assert instruments.snapshot()["uptime"] == 12.5
    assert "chat_uptime_seconds 12.5" in instruments.text()


def test_memory_is_that_of_this_process(instruments: Instruments) -> None:
    held = b"x" * 50_000_000
    with_it = resident_bytes()
    assert len(held) < with_it < 4_000_000_000
    assert instruments.snapshot()["memory"]["residentBytes"] > 0


def test_timestamps_are_utc_with_milliseconds(instruments: Instruments) -> None:
    assert len(instruments.snapshot()["timestamp"]) == len("2026-01-01T00:00:00.000Z")
    assert instruments.snapshot()["timestamp"].endswith("Z")
