"""The rules of /health, each at its edge."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection

from monitoring import health, metrics
from monitoring.health import Reason, Report, RoomTotal, Status
from monitoring.metrics import Instruments
from tests.support.factories import make_room

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def instruments(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Instruments:
    """A process that has just started, and rules that its memory cannot touch."""
    fresh = Instruments()
    monkeypatch.setattr(metrics, "snapshot", fresh.snapshot)
    monkeypatch.setattr(metrics, "last_minute", fresh.last_minute)
    monkeypatch.setattr(health, "_room_total", RoomTotal())
    settings.CHAT_WARNING_MEMORY_MB = 0
    return fresh


@pytest.fixture
def database_down() -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuse):
        yield


def test_a_process_without_trouble_is_healthy() -> None:
    report = health.report()
    assert (report.status, report.reasons) == (Status.HEALTHY, ())


def test_more_memory_than_the_limit_is_a_warning(settings: Any, instruments: Instruments) -> None:
    settings.CHAT_WARNING_MEMORY_MB = 1
    assert health.report().reasons == (Reason.MEMORY,)
    assert health.report().status == Status.WARNING
    settings.CHAT_WARNING_MEMORY_MB = 100_000
    assert health.report().status == Status.HEALTHY


def test_more_connections_than_the_limit_are_a_warning(settings: Any, instruments: Instruments) -> None:
    settings.CHAT_WARNING_CONNECTIONS = 2
    instruments.connection_opened()
    instruments.connection_opened()
    assert health.report().status == Status.HEALTHY
    instruments.connection_opened()
    assert health.report().reasons == (Reason.CONNECTIONS,)
    assert health.report().status == Status.WARNING


def test_more_failures_than_the_limit_are_critical(instruments: Instruments) -> None:
    for _ in range(50):
        instruments.received()
    for _ in range(5):
        instruments.failed()
    assert health.report().status == Status.HEALTHY  # ten percent, not above
    instruments.failed()
    assert health.report().reasons == (Reason.FAILED,)
    assert health.report().status == Status.CRITICAL


def test_a_few_failures_of_a_few_messages_are_no_outage(instruments: Instruments) -> None:
    for _ in range(health.FAILED_MINIMUM - 1):
        instruments.received()
        instruments.failed()
    assert health.report().status == Status.HEALTHY
    instruments.received()
    instruments.failed()
    assert health.report().status == Status.CRITICAL


def test_a_limit_of_zero_turns_its_rule_off(settings: Any, instruments: Instruments) -> None:
    settings.CHAT_CRITICAL_FAILED_PERCENT = settings.CHAT_WARNING_CONNECTIONS = 0
    for _ in range(20):
        instruments.connection_opened()
        instruments.received()
        instruments.failed()
    assert health.report().status == Status.HEALTHY


def test_a_database_that_does_not_answer_is_critical(database_down: None) -> None:
    report = health.report()
    assert (report.status, report.reasons) == (Status.CRITICAL, (Reason.DATABASE,))
    assert "total" not in report.numbers["rooms"]


def test_the_worst_reason_decides() -> None:
    assert Report((Reason.MEMORY, Reason.CONNECTIONS), {}).status == Status.WARNING
    assert Report((Reason.MEMORY, Reason.FAILED), {}).status == Status.CRITICAL


def test_rooms_are_counted_every_few_seconds_at_most(django_assert_num_queries: Callable[[int], Any]) -> None:
    now = 0.0
    total = RoomTotal(clock=lambda: now)
    make_room()
    assert total.read() == 1
    make_room()
    with django_assert_num_queries(0):
        assert total.read() == 1
    now += health.ROOMS_HELD_S
    assert total.read() == 2


def test_every_reason_and_status_has_a_text() -> None:
    assert all(str(choice.label) for choice in (*Reason, *Status))
