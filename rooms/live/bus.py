"""How processes talk: one relay channel a process, a member of the channel-layer group of each topic it has members in.

Local members are served straight away; the layer carries events to the other processes only. A failed publish is
counted and survived: seq finds what it lost. Knows topics and frames, no rooms.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from monitoring import metrics
from rooms.live import topics
from rooms.live.events import Event, pack, unpack
from rooms.live.hub import Hub

log = structlog.get_logger(__name__)
ALWAYS = (topics.EVERYONE, topics.CONTROL)
RETRY_S = 1.0
TIMEOUT_S = 2.0  # a layer that hangs delays a join by this at most
MAX_OUTGOING = 10_000  # events waiting for the layer; what is beyond is dropped and repaired by seq


class Bus:
    def __init__(self, hub: Hub, on_control: Callable[[bytes], None], layer: Any = None) -> None:
        self.loop = asyncio.get_running_loop()
        self._hub = hub
        self._on_control = on_control
        self._layer = layer or get_channel_layer()
        self._origin = uuid.uuid4().hex
        self._channel = ""
        self._groups: set[str] = set()
        self._lock = asyncio.Lock()
        self._retry_at = 0.0  # until then a layer that failed is not asked to follow anything
        self._outgoing: deque[Event] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._relay: asyncio.Task[None] | None = None

    def start(self) -> None:
        global _running  # noqa: PLW0603 - a process has one bus, and its threads must find it
        _running = self
        self._relay = asyncio.ensure_future(self._receive())

    async def stop(self) -> None:
        global _running  # noqa: PLW0603 - a process has one bus, and its threads must find it
        if _running is self:
            _running = None
        if self._sender is not None:  # its last words: who has left with this process
            await asyncio.wait([self._sender], timeout=TIMEOUT_S)
        for task in (self._sender, self._relay):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def publish(self, events: list[Event]) -> None:
        """Delivers events here and sends them to the other processes; only on the bus's own loop."""
        self._deliver(events)
        # The in-memory layer has no other process to reach, and a hop through it costs 110 us for each event.
        if not isinstance(self._layer, InMemoryChannelLayer):
            self._outgoing.extend(events[: MAX_OUTGOING - len(self._outgoing)])
            if self._sender is None:
                self._sender = asyncio.ensure_future(self._send())

    async def sync_group(self, topic: str) -> None:
        """Joins or leaves the topic's group as the hub has members of it or not; `reconcile` tries again what fails."""
        async with self._lock:
            wanted = topic in ALWAYS or topic in self._hub
            if not self._channel or wanted == (topic in self._groups) or self.loop.time() < self._retry_at:
                return
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._change_group(topic, wanted)
            except Exception as error:  # noqa: BLE001 - whatever the layer raises: local members are served
                self._retry_at = self.loop.time() + RETRY_S
                metrics.publish_failed()
                log.warning("bus.group_failed", topic=topic, error=repr(error))

    async def _change_group(self, topic: str, wanted: bool) -> None:
        if wanted:
            await self._layer.group_add(topic, self._channel)
            self._groups.add(topic)
        else:
            await self._layer.group_discard(topic, self._channel)
            self._groups.discard(topic)

    async def reconcile(self) -> None:
        """Brings every group in step with the hub."""
        for topic in sorted({*ALWAYS, *self._hub.topics(), *self._groups}):  # one order: a run can be repeated
            await self.sync_group(topic)

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            if event.topic == topics.CONTROL:
                self._on_control(event.payload)
        self._hub.deliver(events)  # of the topic CONTROL it has no members

    async def _send(self) -> None:
        try:
            while self._outgoing:
                events = sorted(self._outgoing, key=_topic)  # stable: each topic keeps its order
                self._outgoing.clear()
                await _send_all(self._layer, self._origin, events)
        finally:
            self._sender = None

    async def _receive(self) -> None:
        while True:
            try:
                if not self._channel:
                    self._channel = await self._layer.new_channel()
                    await self.reconcile()
                message = await self._layer.receive(self._channel)
            except Exception as error:  # noqa: BLE001 - whatever the layer raises, the relay goes on
                log.warning("bus.receive_failed", error=repr(error))
                await asyncio.sleep(RETRY_S)
                continue
            if message["origin"] != self._origin:
                self._deliver(unpack(message["events"]))


_running: Bus | None = None


def publish(events: list[Event]) -> None:
    """Publishes from any thread: by this process's bus, or by the layer alone from a command that serves nobody."""
    bus = _running
    if bus is not None:
        bus.loop.call_soon_threadsafe(bus.publish, events)
    elif (layer := get_channel_layer()) is not None and not isinstance(layer, InMemoryChannelLayer):
        async_to_sync(_send_all)(layer, "", sorted(events, key=_topic))


async def _send_all(layer: Any, origin: str, events: list[Event]) -> None:
    """One layer message for each topic; one that fails is counted, and the next is tried."""
    for topic, group in groupby(events, key=_topic):
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await layer.group_send(topic, {"type": "relay", "origin": origin, "events": pack(list(group))})
        except Exception as error:  # noqa: BLE001 - whatever the layer raises, the next topic gets its turn
            metrics.publish_failed()
            log.warning("bus.publish_failed", topic=topic, error=repr(error))


def _topic(event: Event) -> str:
    return event.topic
