"""The ways to the servers of the channel layer, one for each: a server that is away delays no topic of another one.

A call that fails is counted and logged, and ends nothing. Knows topics and events, no hub.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import count, groupby
from typing import Any

import structlog

from monitoring import metrics
from monitoring.request_ids import unbound
from rooms.live.events import Event, pack
from rooms.redis_hosts import Ring

log = structlog.get_logger(__name__)
RETRY_S = 1.0
TIMEOUT_S = 2.0  # a layer that hangs delays a join by this at most
MAX_OUTGOING = 10_000  # events waiting for one server; what is beyond is dropped and repaired by seq


class Lane:
    """What waits to be sent to one server, and whether this process hears what it sends there."""

    def __init__(self, layer: Any, origin: str, number: int, probe: str) -> None:
        """`probe` is a topic of this process alone that this server carries."""
        self.lock = asyncio.Lock()
        self.probe_topic = probe
        self.unanswered = 0  # probes that were sent and have not come back
        self.outgoing: deque[Event] = deque()
        self.sender: asyncio.Task[None] | None = None
        self._layer, self._origin, self._number = layer, origin, number
        self._retry_at = 0.0  # until then a server that failed is not asked to subscribe

    def send(self, events: list[Event]) -> None:
        """Sends events after those that wait, in the background."""
        self.outgoing.extend(events[: MAX_OUTGOING - len(self.outgoing)])
        if self.sender is None:
            self.sender = asyncio.create_task(self._send(), context=unbound())

    async def _send(self) -> None:
        try:
            while self.outgoing:
                events = sorted(self.outgoing, key=_topic)  # stable: each topic keeps its order
                self.outgoing.clear()
                await send_all(self._layer, events, self._origin, self._number)
        finally:
            self.sender = None

    async def attempt(self, action: Callable[[str], Awaitable[None]], name: str) -> None:
        """Calls the layer, unless this server has just failed."""
        now = asyncio.get_running_loop().time
        if now() < self._retry_at:
            return
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await action(name)
        except Exception as error:  # noqa: BLE001 - whatever the layer raises: local members are served
            self._retry_at = now() + RETRY_S
            metrics.publish_failed()
            log.warning("bus.group_failed", topic=name, error=repr(error))

    async def probe(self, topic: str) -> None:
        """Sends this process an empty message, which shows by coming back that it receives what this server carries."""
        before = self.unanswered
        self.unanswered += 1
        try:
            await self._layer.group_send(topic, _message([], self._origin, self._number))
        except BaseException:
            self.unanswered = min(before, self.unanswered)
            raise


def lanes(layer: Any, origin: str, ring: Ring) -> list[Lane]:
    """A lane for each server of the ring."""
    return [Lane(layer, origin, number, _probe_topic(origin, number, ring)) for number in range(ring.size)]


def _probe_topic(origin: str, number: int, ring: Ring) -> str:
    names = (f"probe.{origin}.{attempt}" for attempt in count())
    return next(name for name in names if ring.shard(name) == number)


async def send_all(layer: Any, events: list[Event], origin: str = "", lane: int = 0) -> None:
    """One layer message for each topic, of events sorted by it; one that fails is counted, and the next is tried."""
    for topic, group in groupby(events, key=_topic):
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await layer.group_send(topic, _message(list(group), origin, lane))
        except Exception as error:  # noqa: BLE001 - whatever the layer raises, the next topic gets its turn
            metrics.publish_failed()
            log.warning("bus.publish_failed", topic=topic, error=repr(error))


def _message(events: list[Event], origin: str, lane: int) -> dict[str, Any]:
    return {"type": "relay", "origin": origin, "lane": lane, "events": pack(events)}


def _topic(event: Event) -> str:
    return event.topic
