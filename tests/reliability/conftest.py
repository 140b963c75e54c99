"""Several real processes over one PostgreSQL and one Redis, and the rows of the table that the tests fill."""

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.reliability.traffic import Counts
    from tests.support.servers import ServerProcess
    from tests.support.services import Redis

FULL = os.environ.get("FULL_OUTAGES") == "1"  # the command for the table sets it
# Short, so that a test need not wait long for what the defaults do in 5, 15 and 5 seconds.
QUICK = {"CHAT_HEADS_INTERVAL_S": 1, "CHAT_PRESENCE_LEASE_S": 2, "CHAT_LEAVE_DELAY_S": 1, "CHAT_DRAIN_S": 1}


@pytest.fixture
def outage_s() -> Callable[[float, float], float]:
    """How long something stays away: the first in a normal run, the second when the table is made."""
    return lambda short, full: full if FULL else short


@pytest.fixture
def processes(
    make_server: Callable[..., "ServerProcess"], postgres_url: str, redis: "Redis"
) -> Callable[..., list["ServerProcess"]]:
    """Starts processes that share a PostgreSQL database and a Redis: `processes(3, CHAT_DRAIN_S=2)`."""

    def start(number: int = 2, **variables: object) -> list["ServerProcess"]:
        shared = {"REDIS_URL": redis.url, "LOG_LEVEL": "WARNING", **QUICK, **variables}
        return [make_server("uvicorn", database_url=postgres_url, **shared) for _ in range(number)]

    return start


@pytest.fixture
def record(record_property: Callable[[str, Any], None]) -> Callable[..., None]:
    """Writes a row of the table: the fault, how many processes, what was seen, and the counts."""

    def write(fault: str, servers: int, seen: str, counts: "Counts | None" = None) -> None:
        record_property("reliability", {"fault": fault, "processes": servers, "seen": seen,
                                        "counts": asdict(counts) if counts else None})  # fmt: skip

    return write
