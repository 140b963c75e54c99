"""One process's part of the chat: hub, bus, journal and presence, put together for the running event loop.

Hands delivery what it may not import (the services), repairs gaps, and keeps the process's lease. Threads ask who is
where by the functions at the end.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import structlog
from asgiref.sync import async_to_sync
from django.conf import settings
from django.utils import timezone

from accounts import services as accounts
from chatsite import database
from chatsite.closes import SHUTDOWN
from chatsite.errors import ChatError, Unavailable
from monitoring import metrics
from rooms import protocol, services
from rooms.delivery.bus import CONTROL, Bus, publish
from rooms.delivery.connection import Connection
from rooms.delivery.events import Event
from rooms.delivery.hub import Hub
from rooms.delivery.journal import Journal
from rooms.delivery.pace import Pace
from rooms.delivery.presence import Departure, MemoryPresence, Online, Presence
from rooms.delivery.redis_presence import RedisPresence
from rooms.models import Message, Room
from rooms.posting import Answer, NewMessage, Posted

log = structlog.get_logger(__name__)
R = TypeVar("R")
Check = Callable[["Node", Connection], Coroutine[Any, Any, None]]
GAP_WAIT_S = 0.05  # an event of another process that is only late has come by then
RETRY_S = 1.0
ASK_TIMEOUT_S = 5.0
MEMBERS_EVERY_S = 1.0
LATE_COMMIT_S = 30.0  # a change of rights bears the time of its statement; so much later it is committed
TAKE_LEAVE_S = 2.0  # for the last ones to answer their close


class Node:
    def __init__(self, check: Check) -> None:
        """`check` holds a connection against the database when its user's rights may have changed."""
        self.check = check
        self.checks = 0  # how often somebody's rights have changed since the start
        self.draining = False
        self.loop = asyncio.get_running_loop()
        self.connections: dict[str, Connection] = {}
        self.hub = Hub(self._on_gap, self.loop.call_later)
        self.pace = Pace(settings.CHAT_GATHER_MS / 1000, settings.CHAT_BATCH_INTERVAL_MS / 2000)
        self.bus = Bus(self.hub, self._on_control)
        self.journal: Journal[NewMessage, Message | Posted] = Journal(
            self._store,
            capacity=settings.CHAT_JOURNAL_MESSAGES,
            pace=self.pace,
            lane=lambda message: message.room_id,
            store_held=lambda messages: database.store_held(services.post_messages, messages),
        )
        self.snapshots = database.Shared()
        self._enough = settings.CHAT_BATCH_SIZE
        self.presence: Presence = _redis_presence() if settings.REDIS_URL else MemoryPresence()
        self._repairing: set[str] = set()
        self._access_changes: set[tuple[int, datetime]] = set()
        self._looked_at = self.loop.time()
        self._restless: set[int] = set()  # large rooms whose members will be told how many they are
        self._tasks: set[asyncio.Task[None]] = set()
        self._unfinished: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self.bus.start()
        self.spawn(_repeat(self._upkeep, settings.CHAT_PRESENCE_LEASE_S / 3))
        self.spawn(_repeat(self._sweep, settings.CHAT_HEADS_INTERVAL_S))
        self.spawn(_repeat(self._look_for_access_changes, settings.CHAT_HEADS_INTERVAL_S))

    async def stop(self) -> None:
        """Stores what was submitted, gives up the lease, leaves the groups."""
        await self.journal.flush()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._unfinished:
            await asyncio.wait(self._unfinished, timeout=TAKE_LEAVE_S)
        with suppress(ChatError):  # then another process will broadcast these departures
            await self._broadcast_departures(await self.presence.withdraw())
        await self.presence.close()
        await self.bus.stop()

    async def drain(self) -> None:
        """Takes leave of every connection over CHAT_DRAIN_S seconds; what they sent is stored, new ones are refused."""
        self.draining = True
        for connection in list(self.connections.values()):
            delay_s = random.uniform(0, settings.CHAT_DRAIN_S)  # noqa: S311 - spreads a load, hides nothing
            connection.send(protocol.ServerDraining(reconnect_in_ms=int(delay_s * 1000)))
            self.loop.call_later(delay_s, connection.close, SHUTDOWN)
        end = self.loop.time() + settings.CHAT_DRAIN_S + TAKE_LEAVE_S
        while self.connections and self.loop.time() < end:  # noqa: ASYNC110 - once in a process's life
            await asyncio.sleep(0.05)
        await self.journal.flush()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs work beside everything else, until it ends or the node stops."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Waits for work that comes to its end even when the node stops meanwhile."""
        task = asyncio.ensure_future(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        await asyncio.shield(task)

    def post(self, message: NewMessage, reply: Callable[[Answer], None]) -> None:
        """Has a message stored and published; `reply` is called after the commit. Unavailable when too many wait."""
        storing = self.journal.is_storing(message.room_id)
        patience_s = self.hub.patience_s(services.topic(message.room_id), under_way=storing)
        self.journal.submit(message, reply, patience_s=patience_s, enough=self._enough)

    async def _store(self, messages: list[NewMessage]) -> list[Answer]:
        return await database.store(services.post_messages, messages, wait=False)

    async def _upkeep(self) -> None:
        """Renews the lease, reconciles the groups, and broadcasts who left because their process died."""
        departures = await self.presence.renew()
        await self.bus.reconcile()
        metrics.rooms_active(sum(topic.startswith("room.") for topic in self.hub.topics()))
        await self._broadcast_departures(departures)

    async def _sweep(self) -> None:
        """Finds events that were lost on the way: where the database is ahead of the hub, what is missing is read."""
        topics = {int(topic[5:]): topic for topic in self.hub.topics() if topic.startswith("room.")}
        heads = await database.call(services.heads, room_ids=list(topics))
        for room_id, head in heads.items():
            self.hub.expect(topics[room_id], head)
        for connection in list(self.connections.values()):
            if "heads" in connection.accepts and connection.rooms:
                rooms = {name: heads[room.pk] for name, room in connection.rooms.items() if room.pk in heads}
                connection.send(protocol.Heads(rooms=rooms))

    async def _broadcast_departures(self, departures: list[Departure]) -> None:
        """Broadcasts departures and confirms them; those that fail are returned by the next renewal."""
        room_ids = [room_id for room_id, _ in departures]
        names = await database.call(services.room_names, room_ids=room_ids) if departures else {}
        now = protocol.timestamp(timezone.now())
        for room_id, person in departures:
            if room_id in names:
                user = protocol.UserRef(str(person.user_id), person.username)
                frame = protocol.UserLeft(room_id=names[room_id], user=user, timestamp=now)
                self.bus.publish([Event(services.topic(room_id), protocol.encode(frame))])
        await self.presence.confirm(departures)

    def members_changed(self, room: Room) -> None:
        """Tells a large room how many people are in it, once for all who come and go within MEMBERS_EVERY_S."""
        if room.pk not in self._restless:
            self._restless.add(room.pk)
            self.spawn(self._tell_members(room))

    async def _tell_members(self, room: Room) -> None:
        await asyncio.sleep(MEMBERS_EVERY_S)
        self._restless.discard(room.pk)
        counts = await self.presence.counts([room.pk])
        frame = protocol.RoomMembers(room_id=room.name, member_count=counts[room.pk])
        self.bus.publish([Event(services.topic(room.pk), protocol.encode(frame))])

    # --- Gaps ---------------------------------------------------------------------------------------------------------
    def _on_gap(self, topic: str) -> None:
        if topic not in self._repairing:
            self._repairing.add(topic)
            self.spawn(self._repair(topic))

    async def _repair(self, topic: str) -> None:
        try:
            while True:
                await asyncio.sleep(GAP_WAIT_S)
                if not self.hub.has_gap(topic):
                    return
                try:
                    room_id, after = int(topic.removeprefix("room.")), self.hub.seq(topic) or 0
                    head, events = await database.call(services.changes, room_id=room_id, after=after)
                except ChatError:
                    await asyncio.sleep(RETRY_S)
                else:
                    self.hub.repair(topic, events, head)
                    if head == after:  # the room is gone, or what was announced is not: no use in asking at once
                        await asyncio.sleep(RETRY_S)
        finally:
            self._repairing.discard(topic)

    # --- Rights -------------------------------------------------------------------------------------------------------
    def _on_control(self, payload: bytes) -> None:
        self._access_changed(msgspec.json.decode(payload, type=int))

    async def _look_for_access_changes(self) -> None:
        """Finds what the bus has not told: it was lost on the way, or came from a command that cannot reach anybody."""
        now = self.loop.time()
        within_s = now - self._looked_at + LATE_COMMIT_S
        changes = await database.call(accounts.access_changes, within_s=within_s)
        for user_id, _ in changes - self._access_changes:
            self._access_changed(user_id)
        self._access_changes, self._looked_at = changes, now

    def _access_changed(self, user_id: int) -> None:
        self.checks += 1
        for connection in self.connections.values():
            if connection.identity is not None and connection.identity.user_id == user_id:
                self.spawn(self.check(self, connection))


async def _repeat(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Does the work now and again and again; a time that fails is logged, and the next one comes."""
    while True:
        try:
            await work()
        except ChatError as error:
            log.warning("node.work_put_off", work=work.__name__, code=error.code)
        except Exception:
            log.exception("node.work_failed", work=work.__name__)
        await asyncio.sleep(seconds)


_node: Node | None = None


def running(check: Check) -> Node:
    """The node of the running event loop; the first call starts it."""
    global _node  # noqa: PLW0603 - a process has one node, and its threads must find it
    if _node is None or _node.loop is not asyncio.get_running_loop():
        _node = Node(check)
        _node.start()
    return _node


async def stop() -> None:
    """Stops the running node, if there is one."""
    global _node
    node, _node = _node, None
    if node is not None:
        await node.stop()


def check_user(user_id: int) -> None:
    """Has every process hold this user's open sockets against the database. From any thread, after the commit."""
    publish([Event(CONTROL, msgspec.json.encode(user_id))])


def draining() -> bool:
    """Whether this process is taking leave of its clients."""
    return _node is not None and _node.draining


def alone() -> bool:
    """Whether this process cannot reach the others now; its own people are served all the same."""
    return _node is not None and not _node.presence.reachable()


def is_deaf() -> bool:
    """Whether this process receives nothing from the others, though Redis answers it."""
    return _node is not None and not _node.bus.is_listening


# --- Who is where, for threads ----------------------------------------------------------------------------------------
def member_counts(room_ids: Iterable[int]) -> dict[int, int]:
    """How many people are in each of these rooms now, over all processes."""
    ids = list(room_ids)
    return _ask(lambda presence: presence.counts(ids))


def online() -> list[Online]:
    """Everybody who is signed in, over all processes, the longest there first."""
    return _ask(lambda presence: presence.online())


def room_members() -> dict[int, list[Online]]:
    """Every room with people in it, over all processes."""
    return _ask(lambda presence: presence.rooms())


def _ask(question: Callable[[Presence], Coroutine[Any, Any, R]]) -> R:
    """Asks the running node; a command that serves nobody asks Redis, or nobody."""
    if (node := _node) is None or not node.loop.is_running():
        return async_to_sync(_ask_alone)(question)
    try:
        return asyncio.run_coroutine_threadsafe(question(node.presence), node.loop).result(ASK_TIMEOUT_S)
    except TimeoutError:
        raise Unavailable("Presence does not answer") from None


async def _ask_alone(question: Callable[[Presence], Awaitable[R]]) -> R:
    if not settings.REDIS_URL:
        return await question(MemoryPresence())
    presence = _redis_presence()
    try:
        return await question(presence)
    finally:
        await presence.close()


def _redis_presence() -> RedisPresence:
    return RedisPresence(settings.REDIS_URL, lease_s=settings.CHAT_PRESENCE_LEASE_S, prefix=settings.CHAT_REDIS_PREFIX)
