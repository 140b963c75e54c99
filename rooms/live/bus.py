"""How processes exchange events: one relay channel a process, in the channel-layer groups of the topics of its members.

Local members are served at once; the layer carries events to the other processes only. A failed publish is counted, and
seq finds what it lost. Nothing that arrives ends the relay. Knows topics and frames, no rooms.
"""

import asyncio
import uuid
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec
import structlog
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from monitoring import metrics
from monitoring.request_ids import unbound
from rooms.conf import conf
from rooms.live import lanes, topics
from rooms.live.events import Event, unpack
from rooms.live.hub import Hub
from rooms.redis_hosts import Ring

try:
    from redis.exceptions import RedisError
except ImportError:  # the layer in memory needs no Redis
    RedisError = OSError  # type: ignore[assignment,misc]

log = structlog.get_logger(__name__)
ALWAYS = (topics.EVERYONE, topics.CONTROL)
BAD_MESSAGE_PAUSE_S = 0.001  # messages that all fail do not keep the loop from its other work
PROBE_S = 3.0  # at least so far apart, for a subscription that broke is renewed after a second
MAX_UNANSWERED = 3


class Bus:
    def __init__(
        self, hub: Hub, on_control: Callable[[bytes], None], layer: Any = None, ring: Ring | None = None
    ) -> None:
        """`ring` says which of the layer's servers carries a topic; None: there is one."""
        self.loop = asyncio.get_running_loop()
        self._hub = hub
        self._on_control = on_control
        self._layer = layer or channel_layer()
        self._origin = uuid.uuid4().hex
        self._ring = ring or Ring("", 1)
        self._lanes = lanes.lanes(self._layer, self._origin, self._ring)
        self._always = (*ALWAYS, *(lane.probe_topic for lane in self._lanes))
        self._channel = ""
        self._groups: set[str] = set()
        self._relay: asyncio.Task[None] | None = None
        self._probed_at = float("-inf")
        self._stopped = False

    @property
    def is_listening(self) -> bool:
        """Whether the relay runs and receives what this process sends to itself; unchanged while sending fails."""
        return self._relay is not None and not self._relay.done() and self._unanswered < MAX_UNANSWERED

    @property
    def _unanswered(self) -> int:
        return max(lane.unanswered for lane in self._lanes)

    def start(self) -> None:
        global _running  # noqa: PLW0603 - a process has one bus, and its threads must find it
        _running = self
        self._start_relay()

    async def stop(self) -> None:
        global _running  # noqa: PLW0603 - a process has one bus, and its threads must find it
        if _running is self:
            _running = None
        self._stopped = True
        senders = [lane.sender for lane in self._lanes if lane.sender is not None]
        if senders:  # what was published last: who has left with this process
            await asyncio.wait(senders, timeout=lanes.TIMEOUT_S)
        tasks = [*senders, *filter(None, [self._relay])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- To the others ------------------------------------------------------------------------------------------------
    def publish(self, events: list[Event]) -> None:
        """Delivers events here and sends them to the other processes; only on the bus's own loop."""
        self._deliver(events)
        # The in-memory layer has no other process to reach, and a hop through it costs 110 us for each event.
        if not isinstance(self._layer, InMemoryChannelLayer):
            if len(self._lanes) == 1:
                self._lanes[0].send(events)
                return
            for event in events:
                self._lane(event.topic).send([event])

    def _lane(self, topic: str) -> lanes.Lane:
        return self._lanes[self._ring.shard(topic)]

    # --- Subscriptions ------------------------------------------------------------------------------------------------
    async def sync_subscription(self, topic: str) -> None:
        """Subscribes to the topic if the hub has members of it, else unsubscribes; `reconcile` retries what fails."""
        lane = self._lane(topic)
        async with lane.lock:
            wanted = topic in self._always or topic in self._hub
            if self._channel and wanted != (topic in self._groups):
                await lane.attempt(self._subscribe if wanted else self._unsubscribe, topic)

    async def reconcile(self) -> None:
        """Retries failed subscriptions, and makes sure that the relay still receives; to be called regularly."""
        if self._unanswered >= MAX_UNANSWERED and self._probe_is_due():
            await self._reconnect()
        else:
            await self._sync_all()

    async def _sync_all(self) -> None:
        for topic in sorted({*self._always, *self._hub.topics(), *self._groups}):  # one order: a run can be repeated
            await self.sync_subscription(topic)
        if self._channel and self._probe_is_due():
            self._probed_at = self.loop.time()
            for lane in self._lanes:
                if lane.probe_topic in self._groups:
                    await lane.attempt(lane.probe, lane.probe_topic)

    def _probe_is_due(self) -> bool:
        return self.loop.time() - self._probed_at >= PROBE_S

    async def _subscribe(self, topic: str) -> None:
        groups = self._groups  # those of this channel, should it be replaced meanwhile
        await self._layer.group_add(topic, self._channel)
        groups.add(topic)

    async def _unsubscribe(self, topic: str) -> None:
        groups = self._groups
        await self._layer.group_discard(topic, self._channel)
        groups.discard(topic)

    async def _reconnect(self) -> None:
        """A subscription can die in silence, as behind a firewall that forgot it: nothing but new connections helps."""
        log.error("bus.deaf")
        self._probed_at = self.loop.time()
        if self._relay is not None:
            self._relay.cancel()  # another is started, with a channel of its own
        await self._lanes[0].attempt(lambda _: self._layer.flush(), "all")

    # --- From the others ----------------------------------------------------------------------------------------------
    def _start_relay(self) -> None:
        self._relay = asyncio.create_task(self._run_relay(), context=unbound())
        self._relay.add_done_callback(self._relay_ended)

    def _relay_ended(self, relay: asyncio.Task[None]) -> None:
        self._channel, self._groups = "", set()
        self.loop.call_later(lanes.RETRY_S, self._restart_relay, relay)

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
                await asyncio.sleep(lanes.RETRY_S)
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
            self._lanes[message["lane"]].unanswered = 0
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
        async_to_sync(lanes.send_all)(layer, sorted(events, key=attrgetter("topic")))


def _message_failed(error: Exception) -> None:
    """Counts and logs a message that could not be read or handled; another version's needs no stack trace."""
    metrics.relay_failed()
    log.warning("bus.message_failed", error=repr(error), exc_info=not isinstance(error, msgspec.DecodeError))
