"""How processes exchange events: one relay channel a process, in the channel-layer groups of the topics of its members.

Local members are served at once; the layer carries events to the other processes only. A failed publish is counted, and
seq finds what it lost. Nothing that arrives ends the relay. Knows topics and frames, no rooms.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from itertools import groupby
from typing import Any

import msgspec
import structlog
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from monitoring import metrics
from rooms.conf import conf
from rooms.live import topics
from rooms.live.events import Event, pack, unpack
from rooms.live.hub import Hub

try:
    from redis.exceptions import RedisError
except ImportError:  # the layer in memory needs no Redis
    RedisError = OSError  # type: ignore[assignment,misc]

log = structlog.get_logger(__name__)
ALWAYS = (topics.EVERYONE, topics.CONTROL)
RETRY_S = 1.0
BAD_MESSAGE_PAUSE_S = 0.001  # messages that all fail do not keep the loop from its other work
TIMEOUT_S = 2.0  # a layer that hangs delays a join by this at most
MAX_OUTGOING = 10_000  # events waiting for the layer; what is beyond is dropped and repaired by seq
PROBE_S = 3.0  # at least so far apart, for a subscription that broke is renewed after a second
MAX_UNANSWERED = 3


class Bus:
    def __init__(self, hub: Hub, on_control: Callable[[bytes], None], layer: Any = None) -> None:
        self.loop = asyncio.get_running_loop()
        self._hub = hub
        self._on_control = on_control
        self._layer = layer or channel_layer()
        self._origin = uuid.uuid4().hex
        self._channel = ""
        self._groups: set[str] = set()
        self._lock = asyncio.Lock()
        self._retry_at = 0.0  # until then a layer that failed is not asked to subscribe
        self._outgoing: deque[Event] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._relay: asyncio.Task[None] | None = None
        self._unanswered = 0  # probes that were sent and have not come back
        self._probed_at = float("-inf")
        self._stopped = False

    @property
    def is_listening(self) -> bool:
        """Whether the relay runs and receives what this process sends to itself; unchanged while sending fails."""
        return self._relay is not None and not self._relay.done() and self._unanswered < MAX_UNANSWERED

    def start(self) -> None:
        global _running  # noqa: PLW0603 - a process has one bus, and its threads must find it
        _running = self
        self._start_relay()

    async def stop(self) -> None:
        global _running  # noqa: PLW0603 - a process has one bus, and its threads must find it
        if _running is self:
            _running = None
        self._stopped = True
        if self._sender is not None:  # what was published last: who has left with this process
            await asyncio.wait([self._sender], timeout=TIMEOUT_S)
        tasks = [task for task in (self._sender, self._relay) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- To the others ------------------------------------------------------------------------------------------------
    def publish(self, events: list[Event]) -> None:
        """Delivers events here and sends them to the other processes; only on the bus's own loop."""
        self._deliver(events)
        # The in-memory layer has no other process to reach, and a hop through it costs 110 us for each event.
        if not isinstance(self._layer, InMemoryChannelLayer):
            self._outgoing.extend(events[: MAX_OUTGOING - len(self._outgoing)])
            if self._sender is None:
                self._sender = asyncio.ensure_future(self._send())

    async def _send(self) -> None:
        try:
            while self._outgoing:
                events = sorted(self._outgoing, key=_topic)  # stable: each topic keeps its order
                self._outgoing.clear()
                await _send_all(self._layer, self._origin, events)
        finally:
            self._sender = None

    # --- Subscriptions ------------------------------------------------------------------------------------------------
    async def sync_subscription(self, topic: str) -> None:
        """Subscribes to the topic if the hub has members of it, else unsubscribes; `reconcile` retries what fails."""
        async with self._lock:
            wanted = topic in ALWAYS or topic in self._hub
            if self._channel and wanted != (topic in self._groups):
                await self._try(self._subscribe if wanted else self._unsubscribe, topic)

    async def reconcile(self) -> None:
        """Retries failed subscriptions, and makes sure that the relay still receives; to be called regularly."""
        if self._unanswered >= MAX_UNANSWERED and self._probe_is_due():
            await self._reconnect()
        else:
            await self._sync_all()

    async def _sync_all(self) -> None:
        for topic in sorted({*ALWAYS, *self._hub.topics(), *self._groups}):  # one order: a run can be repeated
            await self.sync_subscription(topic)
        if self._channel and self._probe_is_due():
            self._probed_at = self.loop.time()
            await self._try(self._probe, self._channel)

    def _probe_is_due(self) -> bool:
        return self.loop.time() - self._probed_at >= PROBE_S

    async def _try(self, action: Callable[[str], Any], name: str) -> None:
        """Calls the layer, unless it has just failed."""
        if self.loop.time() < self._retry_at:
            return
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await action(name)
        except Exception as error:  # noqa: BLE001 - whatever the layer raises: local members are served
            self._retry_at = self.loop.time() + RETRY_S
            metrics.publish_failed()
            log.warning("bus.group_failed", topic=name, error=repr(error))

    async def _subscribe(self, topic: str) -> None:
        groups = self._groups  # those of this channel, should it be replaced meanwhile
        await self._layer.group_add(topic, self._channel)
        groups.add(topic)

    async def _unsubscribe(self, topic: str) -> None:
        groups = self._groups
        await self._layer.group_discard(topic, self._channel)
        groups.discard(topic)

    async def _probe(self, channel: str) -> None:
        """Sends this process's relay an empty message, which shows by coming back that the relay receives."""
        before = self._unanswered
        self._unanswered += 1
        try:
            await self._layer.send(channel, _message(self._origin, []))
        except BaseException:
            self._unanswered = min(before, self._unanswered)
            raise

    async def _reconnect(self) -> None:
        """A subscription can die in silence, as behind a firewall that forgot it: nothing but new connections helps."""
        log.error("bus.deaf")
        self._probed_at = self.loop.time()
        if self._relay is not None:
            self._relay.cancel()  # another is started, with a channel of its own
        await self._try(lambda _: self._layer.flush(), "all")

    # --- From the others ----------------------------------------------------------------------------------------------
    def _start_relay(self) -> None:
        self._relay = asyncio.ensure_future(self._run_relay())
        self._relay.add_done_callback(self._relay_ended)

    def _relay_ended(self, relay: asyncio.Task[None]) -> None:
        self._channel, self._groups = "", set()
        self.loop.call_later(RETRY_S, self._restart_relay, relay)

    def _restart_relay(self, ended: asyncio.Task[None]) -> None:
        if not self._stopped:
            log.error("bus.relay_ended", error=None if ended.cancelled() else repr(ended.exception()))
            self._start_relay()

    async def _run_relay(self) -> None:
        while True:
            try:
                await self._relay_next()
            except (OSError, RedisError) as error:
                log.warning("bus.receive_failed", error=repr(error))
                await asyncio.sleep(RETRY_S)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one message, the next is received
                _message_failed(error)
                await asyncio.sleep(BAD_MESSAGE_PAUSE_S)

    async def _relay_next(self) -> None:
        if not self._channel:
            self._channel = await self._layer.new_channel()
            self._probed_at = float("-inf")
            await self._sync_all()
        message = await self._layer.receive(self._channel)
        if message["origin"] == self._origin:
            self._unanswered = 0
        else:
            self._deliver(unpack(message["events"]))

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            if event.topic == topics.CONTROL:
                self._control(event.payload)
        self._hub.deliver(events)  # it has no members of the topic CONTROL

    def _control(self, payload: bytes) -> None:
        try:
            self._on_control(payload)
        except Exception as error:  # noqa: BLE001 - the events beside it are delivered all the same
            _message_failed(error)


def channel_layer() -> Any:
    """The project's channel layer; where it has none, one that reaches no other process."""
    return get_channel_layer(conf.CHAT_CHANNEL_LAYER) or InMemoryChannelLayer()


_running: Bus | None = None


def publish(events: list[Event]) -> None:
    """Publishes from any thread: by this process's bus, or by the layer alone from a command that serves nobody."""
    bus = _running
    if bus is not None:
        bus.loop.call_soon_threadsafe(bus.publish, events)
    elif not isinstance(layer := channel_layer(), InMemoryChannelLayer):
        async_to_sync(_send_all)(layer, "", sorted(events, key=_topic))


async def _send_all(layer: Any, origin: str, events: list[Event]) -> None:
    """One layer message for each topic; one that fails is counted, and the next is tried."""
    for topic, group in groupby(events, key=_topic):
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await layer.group_send(topic, _message(origin, list(group)))
        except Exception as error:  # noqa: BLE001 - whatever the layer raises, the next topic gets its turn
            metrics.publish_failed()
            log.warning("bus.publish_failed", topic=topic, error=repr(error))


def _message(origin: str, events: list[Event]) -> dict[str, Any]:
    return {"type": "relay", "origin": origin, "events": pack(events)}


def _message_failed(error: Exception) -> None:
    """Counts and logs a message that could not be read or handled; another version's needs no stack trace."""
    metrics.relay_failed()
    log.warning("bus.message_failed", error=repr(error), exc_info=not isinstance(error, msgspec.DecodeError))


def _topic(event: Event) -> str:
    return event.topic
