"""The named instruments of this process, and their two renderings, JSON and Prometheus text, for all workers.

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
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitoring.workers import OwnRow, Row, Rows, SharedRows, WorkersCollector, of_processes, resident_bytes

TEXT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
WINDOW_S = 60
STORE_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# A client chooses the code it closes with: any other than these is counted as "other", or it could fill the memory.
CLOSE_CODES = frozenset({*range(1000, 1016), *range(4000, 4003), *range(4100, 4106)})

# Without the second series of each counter, which only says when the process started.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no type for it


# The cells of a worker's row: two counts, six gauges, and a minute of commands received, by seconds.
RECEIVED, SENT, ACTIVE, PEAK, ROOMS, UNSEARCHED, UNDELIVERED, STARTED = range(8)
MINUTE = 8
ROW = MINUTE + 2 * WINDOW_S


class Window:
    """Counts what happened on the event loop in the last minute, in steps of a second; any thread may read it.

    In cells from `start` on: for each of 60 slots the second it is of, then for each its count.
    """

    def __init__(self, clock: Callable[[], float], cells: Any = None, start: int = 0) -> None:
        self._clock = clock
        self._cells: Any = [0] * 2 * WINDOW_S if cells is None else cells
        self._start = start

    def add(self) -> None:
        cells, second = self._cells, int(self._clock())
        slot = self._start + second % WINDOW_S
        if cells[slot] == second:
            cells[slot + WINDOW_S] += 1
        else:
            cells[slot], cells[slot + WINDOW_S] = second, 1

    def total(self) -> int:
        oldest = int(self._clock()) - WINDOW_S + 1
        seconds = self._cells[self._start : self._start + WINDOW_S]
        counts = self._cells[self._start + WINDOW_S : self._start + 2 * WINDOW_S]
        return int(sum(count for second, count in zip(seconds, counts, strict=True) if second >= oldest))


class Instruments(Collector):
    """One process's instruments; `clock` is monotonic seconds.

    With a `folder`, which the library must have been told too, `total` and `text` are of all workers that use it:
    counts also of those that have died, gauges of the living.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, folder: str = "") -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: Rows = SharedRows(Path(folder), ROW) if folder else OwnRow(ROW)
        # The library's counters have a lock, and cost 350 ns. What happens most happens on the event loop alone.
        self._cells: Any = self._rows.own
        self._cells[STARTED] = clock()
        self._last_received, self._last_failed = Window(clock, self._cells, MINUTE), Window(clock)
        self.registry = CollectorRegistry()
        self._count_connections()
        self._count_messages()
        self._exposition = CollectorRegistry() if folder else self.registry
        if folder:
            WorkersCollector(self._exposition, folder)
        self._exposition.register(self)

    def _count_connections(self) -> None:
        self._opened = Counter("chat_connections", "Sockets opened.", registry=self.registry)
        self._closes = Counter("chat_closes", "Sockets closed, by close code.", ["code"], registry=self.registry)
        self._dropped = Counter(
            "chat_requests_dropped",
            "Connections closed before a whole request came.",
            ["reason"],
            registry=self.registry,
        )

    def _count_messages(self) -> None:
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
        self._webhooks = Counter(
            "chat_webhook_deliveries",
            "Attempts to send outgoing webhooks an event, by what came of them.",
            ["result"],
            registry=self.registry,
        )
        self._signals = Counter("chat_signals_dropped", "Messages no receiver was called for.", registry=self.registry)

    def collect(self) -> Iterator[Metric]:
        """What stands in the rows, for the exposition."""
        living, dead = self._rows.living(), self._rows.dead()
        yield CounterMetricFamily("chat_messages_received", "Commands received.", _sum(living + dead, RECEIVED))
        yield CounterMetricFamily("chat_messages_sent", "Frames handed to sockets.", _sum(living + dead, SENT))
        yield GaugeMetricFamily("chat_connections_active", "Open sockets.", _sum(living, ACTIVE))
        yield GaugeMetricFamily("chat_connections_peak", "Most sockets open at once.", _sum(living, PEAK))
        yield GaugeMetricFamily("chat_rooms_active", "Rooms with somebody of a process in them.", _sum(living, ROOMS))
        behind = max(row.cells[UNSEARCHED] for row in living)
        yield GaugeMetricFamily("chat_search_behind", "Changes of messages that the search does not know yet.", behind)
        behind = max(row.cells[UNDELIVERED] for row in living)
        yield GaugeMetricFamily("chat_webhooks_behind", "Changes that outgoing webhooks were not sent yet.", behind)
        rate = sum(map(self._rate, living))
        yield GaugeMetricFamily("chat_messages_rate", "Commands received a second, over the last minute.", rate)
        yield GaugeMetricFamily("chat_uptime_seconds", "Seconds since the start.", max(map(self._uptime, living)))
        if isinstance(self._rows, OwnRow):
            yield from ProcessCollector(registry=None).collect()
        else:
            yield from of_processes([row.pid for row in living])

    def connection_opened(self) -> None:
        self._opened.inc()
        with self._lock:
            self._cells[ACTIVE] += 1
            self._cells[PEAK] = max(self._cells[PEAK], self._cells[ACTIVE])

    def connection_closed(self, code: int) -> None:
        self._closes.labels(str(code) if code in CLOSE_CODES else "other").inc()
        with self._lock:
            self._cells[ACTIVE] -= 1

    def request_dropped(self, reason: str) -> None:
        """A connection was closed before a whole request came."""
        self._dropped.labels(reason).inc()

    def received(self) -> None:
        """One command was received, valid or not."""
        self._cells[RECEIVED] += 1
        self._last_received.add()

    def sent(self, count: int) -> None:
        """`count` frames were handed to sockets."""
        self._cells[SENT] += count

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
        self._cells[ROOMS] = count

    def search_behind(self, count: int) -> None:
        """How many changes of messages the search does not know yet, of all processes."""
        self._cells[UNSEARCHED] = count

    def webhooks_behind(self, count: int) -> None:
        """How many changes outgoing webhooks were not sent yet, of all processes."""
        self._cells[UNDELIVERED] = count

    def webhook_delivered(self, result: str) -> None:
        """An attempt to send an outgoing webhook an event came to this."""
        self._webhooks.labels(result).inc()

    def active(self) -> int:
        """Open sockets."""
        return int(self._cells[ACTIVE])

    def last_minute(self) -> tuple[int, int]:
        """Commands received, and commands failed by a server error, in the last minute."""
        return self._last_received.total(), self._last_failed.total()

    def snapshot(self) -> dict[str, Any]:
        """The JSON of GET /health, of this process alone."""
        own = [Row(os.getpid(), self._cells)]
        return self._numbers(own, [], _value(self._opened), _value(self._failed))

    def total(self) -> dict[str, Any]:
        """The JSON of GET /metrics, of all workers, without what only the database knows."""
        if isinstance(self._rows, OwnRow):
            return self.snapshot()
        counts = {sample.name: sample.value for metric in self._exposition.collect() for sample in metric.samples}
        opened, failed = (int(counts.get(name, 0)) for name in ("chat_connections_total", "chat_messages_failed_total"))
        return self._numbers(self._rows.living(), self._rows.dead(), opened, failed)

    def _numbers(self, living: list[Row], dead: list[Row], opened: int, failed: int) -> dict[str, Any]:
        """`process` is the one that answers; `rate` is a second, `uptime` in seconds and of the oldest process."""
        return {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "process": os.getpid(),
            "connections": {"total": opened, "active": _sum(living, ACTIVE), "peak": _sum(living, PEAK)},
            "messages": {
                "sent": _sum(living + dead, SENT),
                "received": _sum(living + dead, RECEIVED),
                "failed": failed,
                "rate": round(sum(map(self._rate, living)), 2),
            },
            "rooms": {"active": _sum(living, ROOMS)},
            "memory": {"residentBytes": sum(resident_bytes(row.pid) for row in living)},
            "uptime": round(max(map(self._uptime, living)), 3),
        }

    def workers(self) -> int:
        """How many processes `total` is of."""
        return len(self._rows.living())

    def text(self) -> str:
        """The Prometheus exposition; its content type is `TEXT_TYPE`."""
        return generate_latest(self._exposition).decode()

    def _uptime(self, row: Row) -> float:
        return self._clock() - row.cells[STARTED]

    def _rate(self, row: Row) -> float:
        return Window(self._clock, row.cells, MINUTE).total() / min(WINDOW_S, max(1.0, self._uptime(row)))


def _sum(rows: list[Row], cell: int) -> int:
    return int(sum(row.cells[cell] for row in rows))


def _value(instrument: Counter) -> int:
    return int(next(iter(instrument.collect())).samples[0].value)


# Set before the workers start: the library reads it when it is imported.
_process = Instruments(folder=os.getenv("PROMETHEUS_MULTIPROC_DIR", ""))
connection_opened = _process.connection_opened
connection_closed = _process.connection_closed
request_dropped = _process.request_dropped
received = _process.received
sent = _process.sent
failed = _process.failed
stored = _process.stored
publish_failed = _process.publish_failed
relay_failed = _process.relay_failed
hook_called = _process.hook_called
signal_dropped = _process.signal_dropped
rooms_active = _process.rooms_active
search_behind = _process.search_behind
webhooks_behind = _process.webhooks_behind
webhook_delivered = _process.webhook_delivered
active = _process.active
last_minute = _process.last_minute
snapshot = _process.snapshot
text = _process.text
total = _process.total
workers = _process.workers
