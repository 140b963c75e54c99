"""Is this process well? The rules of GET /health, and the numbers they are applied to.

Knows the database, the settings and the metrics; nothing of requests.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from django import db
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from monitoring import metrics
from rooms.conf import conf
from rooms.models import Room

FAILED_MINIMUM = 5  # in a minute: fewer failures are no outage
MB = 1_000_000
ROOMS_HELD_S = 5  # counting rooms reads the whole table: a scraper, a probe and a dashboard share one count

log = structlog.get_logger(__name__)


class Status(TextChoices):
    HEALTHY = "healthy", _("healthy")
    WARNING = "warning", _("warning")
    CRITICAL = "critical", _("critical")


class Reason(TextChoices):
    MEMORY = "memory-high", _("This process holds more memory than it should.")
    CONNECTIONS = "connections-high", _("This process has almost as many connections as it may.")
    FAILED = "messages-failing", _("Too many messages of the last minute failed.")
    DATABASE = "database-down", _("The database does not answer.")


WARNINGS = frozenset({Reason.MEMORY, Reason.CONNECTIONS})


@dataclass(frozen=True, slots=True)
class Report:
    """`reasons` is empty when all is well; `numbers` is as the JSON of GET /metrics, of this process alone."""

    reasons: tuple[Reason, ...]
    numbers: dict[str, Any]

    @property
    def status(self) -> Status:
        if not self.reasons:
            return Status.HEALTHY
        return Status.WARNING if WARNINGS.issuperset(self.reasons) else Status.CRITICAL


class RoomTotal:
    """How many rooms there are, counted every few seconds at most; None while the database does not answer."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._total: int | None = None
        self._counted_at = float("-inf")

    def read(self) -> int | None:
        if self._clock() - self._counted_at >= ROOMS_HELD_S:
            self._total = self._count()
            self._counted_at = self._clock()
        return self._total

    def _count(self) -> int | None:
        try:
            return Room.objects.count()
        except db.Error:
            return None


_room_total = RoomTotal()


def measure(numbers: dict[str, Any]) -> dict[str, Any]:
    """These numbers with `rooms.total`, or without it while the database does not answer."""
    total = _room_total.read()
    return numbers if total is None else numbers | {"rooms": {"total": total, **numbers["rooms"]}}


def report() -> Report:
    if database_answers():
        numbers = measure(metrics.snapshot())
        return Report(tuple(_reasons(numbers)), numbers)
    numbers = metrics.snapshot()
    return Report((Reason.DATABASE, *_reasons(numbers)), numbers)


def _reasons(numbers: dict[str, Any]) -> Iterator[Reason]:
    """Each limit of 0 is none."""
    received, failed = metrics.last_minute()
    failed_percent = conf.CHAT_CRITICAL_FAILED_PERCENT
    if failed_percent and failed >= FAILED_MINIMUM and failed * 100 > failed_percent * received:
        yield Reason.FAILED
    if 0 < conf.CHAT_WARNING_MEMORY_MB * MB < numbers["memory"]["residentBytes"]:
        yield Reason.MEMORY
    if 0 < conf.CHAT_WARNING_CONNECTIONS < numbers["connections"]["active"]:
        yield Reason.CONNECTIONS


def database_answers() -> bool:
    try:
        with db.connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except db.Error:
        log.exception("database.failed")
        return False
    return True
