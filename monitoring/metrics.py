"""The named instruments of this process, and their two renderings: JSON and Prometheus text.

Imports no other package of the project, so every layer may count. Each function is called per command or per
broadcast, never per recipient.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

TEXT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
WINDOW_S = 60
STORE_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# A client chooses the code it closes with: any other than these is counted as "other", or it could fill the memory.
CLOSE_CODES = frozenset({*range(1000, 1016), *range(4000, 4003), *range(4100, 4106)})

# Without the second series of each counter, which only says when the process started.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no type for it


class Window:
    """Counts what happened on the event loop in the last minute, in steps of a second; any thread may read it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = [-WINDOW_S] * WINDOW_S
        self._counts = [0] * WINDOW_S

    def add(self) -> None:
        second = int(self._clock())
        slot = second % WINDOW_S
        if self._seconds[slot] != second:
            self._seconds[slot], self._counts[slot] = second, 0
        self._counts[slot] += 1

    def total(self) -> int:
        oldest = int(self._clock()) - WINDOW_S + 1
        return sum(count for second, count in zip(self._seconds, self._counts, strict=True) if second >= oldest)


class Tally(Collector):
    """A counter for what happens most, on the event loop alone: without the library's lock, 350 -> 22 ns."""

    def __init__(self, name: str, description: str, registry: CollectorRegistry) -> None:
        self.count = 0
        self._name, self._description = name, description
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self._name, self._description, value=self.count)


class Instruments:
    """One process's instruments in a registry of their own; `clock` is monotonic seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._lock = threading.Lock()
        self._active = self._peak = 0
        self._last_received, self._last_failed = Window(clock), Window(clock)
        self.registry = CollectorRegistry()
        self._count_connections()
        self._count_messages()
        self._measure_process()

    def _count_connections(self) -> None:
        self._opened = Counter("chat_connections", "Sockets opened.", registry=self.registry)
        self._closes = Counter("chat_closes", "Sockets closed, by close code.", ["code"], registry=self.registry)
        self._gauge("chat_connections_active", "Open sockets.", self.active)
        self._gauge("chat_connections_peak", "Most sockets open at once.", lambda: self._peak)
        self._rooms = Gauge("chat_rooms_active", "Rooms with somebody of this process in them.", registry=self.registry)

    def _count_messages(self) -> None:
        self._received = Tally("chat_messages_received", "Commands received.", self.registry)
        self._sent = Tally("chat_messages_sent", "Frames handed to sockets.", self.registry)
        self._failed = Counter("chat_messages_failed", "Commands failed by a server error.", registry=self.registry)
        self._stored = Counter("chat_messages_stored", "Messages committed.", registry=self.registry)
        self._store_seconds = Histogram(
            "chat_store_seconds", "Seconds of one commit.", buckets=STORE_BUCKETS_S, registry=self.registry
        )
        self._unpublished = Counter("chat_publish_failures", "Events other processes missed.", registry=self.registry)
        self._unread = Counter("chat_relay_failures", "Messages of other processes unread.", registry=self.registry)
        self._hooks = Counter(
            "chat_hook_calls", "Calls of the project's hooks.", ["hook", "outcome"], registry=self.registry
        )
        self._signals = Counter("chat_signals_dropped", "Messages no receiver was called for.", registry=self.registry)
        self._gauge("chat_messages_rate", "Commands received a second, over the last minute.", self._rate)

    def _measure_process(self) -> None:
        self._gauge("chat_uptime_seconds", "Seconds since the start.", self._uptime)
        ProcessCollector(registry=self.registry)

    def _gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        Gauge(name, description, registry=self.registry).set_function(read)

    def connection_opened(self) -> None:
        self._opened.inc()
        with self._lock:
            self._active += 1
            self._peak = max(self._peak, self._active)

    def connection_closed(self, code: int) -> None:
        self._closes.labels(str(code) if code in CLOSE_CODES else "other").inc()
        with self._lock:
            self._active -= 1

    def received(self) -> None:
        """One command was received, valid or not."""
        self._received.count += 1
        self._last_received.add()

    def sent(self, count: int) -> None:
        """`count` frames were handed to sockets."""
        self._sent.count += count

    def failed(self) -> None:
        """A command failed through a server error; never for a client's mistake."""
        self._failed.inc()
        self._last_failed.add()

    def stored(self, count: int, seconds: float) -> None:
        """`count` messages were committed together in `seconds`."""
        self._stored.inc(count)
        self._store_seconds.observe(seconds)

    def publish_failed(self) -> None:
        """An event did not reach the other processes."""
        self._unpublished.inc()

    def relay_failed(self) -> None:
        """A message of another process could not be read or handled."""
        self._unread.inc()

    def hook_called(self, hook: str, outcome: str) -> None:
        """A hook of the project was called, and this came of it."""
        self._hooks.labels(hook, outcome).inc()

    def signal_dropped(self) -> None:
        """The receivers of a signal are too slow: they were not called for a message."""
        self._signals.inc()

    def rooms_active(self, count: int) -> None:
        """`count` rooms have somebody of this process in them."""
        self._rooms.set(count)

    def active(self) -> int:
        """Open sockets."""
        return self._active

    def last_minute(self) -> tuple[int, int]:
        """Commands received, and commands failed by a server error, in the last minute."""
        return self._last_received.total(), self._last_failed.total()

    def snapshot(self) -> dict[str, Any]:
        """The JSON of GET /metrics, without what only the database knows. `rate` is a second, `uptime` in seconds."""
        return {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "process": os.getpid(),
            "connections": {"total": _value(self._opened), "active": self.active(), "peak": self._peak},
            "messages": {
                "sent": self._sent.count,
                "received": self._received.count,
                "failed": _value(self._failed),
                "rate": round(self._rate(), 2),
            },
            "rooms": {"active": _value(self._rooms)},
            "memory": {"residentBytes": resident_bytes()},
            "uptime": round(self._uptime(), 3),
        }

    def text(self) -> str:
        """The Prometheus exposition; its content type is `TEXT_TYPE`."""
        return generate_latest(self.registry).decode()

    def _uptime(self) -> float:
        return self._clock() - self._started

    def _rate(self) -> float:
        return self._last_received.total() / min(WINDOW_S, max(1.0, self._uptime()))


def resident_bytes() -> int:
    """Memory this process holds now; 0 where the system has no /proc to ask."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _value(instrument: Counter | Gauge) -> int:
    return int(next(iter(instrument.collect())).samples[0].value)


_process = Instruments()
connection_opened = _process.connection_opened
connection_closed = _process.connection_closed
received = _process.received
sent = _process.sent
failed = _process.failed
stored = _process.stored
publish_failed = _process.publish_failed
relay_failed = _process.relay_failed
hook_called = _process.hook_called
signal_dropped = _process.signal_dropped
rooms_active = _process.rooms_active
active = _process.active
last_minute = _process.last_minute
snapshot = _process.snapshot
text = _process.text
