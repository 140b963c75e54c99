"""One process's part of the chat: hub, bus, write queue, presence, repair and rights, for the running event loop.

Hands them what they may not import, keeps the process's lease, and stops in order. Threads ask who is where by the
functions at the end.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from django.utils import timezone

from monitoring import metrics
from monitoring.request_ids import unbound
from rooms import database, scopes, signals
from rooms.access import is_leased
from rooms.closes import SHUTDOWN
from rooms.conf import conf
from rooms.errors import ChatError
from rooms.live import control, filters, notices, sweeper, topics
from rooms.live.bus import Bus
from rooms.live.connection import Connection
from rooms.live.deliveries import Deliveries
from rooms.live.ends import TICK_S, Ends
from rooms.live.events import Event
from rooms.live.hub import Hub
from rooms.live.marks import Marks
from rooms.live.member_counts import MemberCounts
from rooms.live.mentions import MentionNotices
from rooms.live.periodic import repeat
from rooms.live.presence import Departure
from rooms.live.rates_exchange import configured_exchange
from rooms.live.reactions import ReactionQueue
from rooms.live.repair import Repair
from rooms.live.rights import POLL_S, Rights
from rooms.live.search import Indexer
from rooms.live.sharded_presence import configured_presence, configured_ring
from rooms.live.streams import Streams
from rooms.live.write_queue import WriteQueue
from rooms.protocol.codec import encode
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.presence import UserLeft
from rooms.protocol.frames.session import ServerDraining
from rooms.protocol.rules import timestamp
from rooms.services import mentions, rooms
from rooms.services.changes import change_event
from rooms.services.posting import Answer, new_messages, store_messages, whole
from rooms.storage import NewMessage, StoredMessage
from rooms.storage.checkpoints import Checkpoints

log = structlog.get_logger(__name__)
Recheck = Callable[["Node", Connection], Coroutine[Any, Any, None]]
ASK_TIMEOUT_S = 5.0
DISCONNECT_S = 2.0  # for the last clients to answer their close frame
MAX_LEASE_S = 20  # who may be where is asked again by then, and answered before 30 s


class Node:
    def __init__(self, recheck: Recheck) -> None:
        """`recheck` compares an open connection with what its user may do now."""
        self.draining = False
        self._recheck = recheck
        self.loop = asyncio.get_running_loop()
        self.connections: dict[str, Connection] = {}
        self.rights = Rights(self.connections, lambda connection: self.spawn(recheck(self, connection)), self.loop.time)
        self.hub = Hub(lambda topic: self.repair.on_gap(topic), self.loop.call_later)  # noqa: PLW0108 - made below
        self.ends = Ends(self.connections, self.rights, self.loop.time, conf.CHAT_HEADS_INTERVAL_S)
        self.indexer = Indexer(self.loop.time, conf.CHAT_HEADS_INTERVAL_S)
        self.deliveries = Deliveries(self.spawn, self.loop.time, conf.CHAT_HEADS_INTERVAL_S)
        self.repair = Repair(self.hub, self.spawn, self.rights.recheck_rooms)
        self.bus = Bus(self.hub, self.on_control, ring=configured_ring())
        self._checkpoints = Checkpoints()
        self.write_queue: WriteQueue[NewMessage, StoredMessage] = WriteQueue(
            partial(database.store, self._store),
            capacity=conf.CHAT_WRITE_QUEUE_MESSAGES,
            share=conf.CHAT_WRITE_QUEUE_MESSAGES_PER_USER,
            lane=lambda message: message.room_id,
            owner=lambda message: message.author_id,
            store_held=partial(database.store_held, store_messages),
            on_stored=self._broadcast_stored,
        )
        self.reactions = ReactionQueue(self.bus, self._checkpoints.after_commit)
        self.streams = Streams(self.bus, self.spawn)
        self.snapshots = database.Shared()
        self.presence = configured_presence()
        self.rates, self._rates_exchange = configured_exchange()
        self.member_counts = MemberCounts(self.bus, self.presence, self.spawn)
        self.marks = Marks(self.presence, self.spawn)
        self.mention_notices = MentionNotices(self.connections, self.spawn)
        self._tasks: dict[asyncio.Task[None], None] = {}  # in one order, so that a simulated run can be repeated
        self._unfinished: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self.bus.start()
        self.spawn(self._rates_exchange.run())
        self.spawn(repeat(self._upkeep, conf.CHAT_PRESENCE_LEASE_S / 3))
        self.spawn(repeat(self._sweep, conf.CHAT_HEADS_INTERVAL_S))
        self.spawn(repeat(self.rights.poll, POLL_S))
        self.spawn(repeat(self.ends.tick, TICK_S))
        self.spawn(repeat(self.indexer.tick, TICK_S))
        self.spawn(repeat(sweeper.tick, sweeper.EVERY_S))
        self.spawn(repeat(self.deliveries.tick, TICK_S))
        self.spawn(repeat(filters.poll, conf.CHAT_HEADS_INTERVAL_S))
        self.spawn(repeat(self._recheck_leases, min(conf.CHAT_PRESENCE_LEASE_S, MAX_LEASE_S)))
        self.spawn(repeat(self.streams.interrupt_idle, conf.CHAT_HEADS_INTERVAL_S))
        self.spawn(repeat(self._remove_rooms, conf.CHAT_HEADS_INTERVAL_S))

    async def stop(self) -> None:
        """Stores what was submitted and read, broadcasts who leaves with this process, and releases its lease."""
        await self.write_queue.flush()
        await self.reactions.flush()
        await self.streams.flush()
        await self.marks.flush()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._unfinished:
            await asyncio.wait(self._unfinished, timeout=DISCONNECT_S)
        with suppress(ChatError):  # then another process broadcasts these departures when the lease has expired
            await self._broadcast_departures(await self.presence.withdraw())
        await self.presence.close()
        await self.bus.stop()
        self._checkpoints.stop()

    async def drain(self) -> None:
        """Closes every connection over CHAT_DRAIN_S seconds; what they sent is stored, new ones are refused."""
        self.draining = True
        for connection in list(self.connections.values()):
            delay_s = random.uniform(0, conf.CHAT_DRAIN_S)  # noqa: S311 - spreads a load, hides nothing
            connection.send(ServerDraining(reconnect_in_ms=int(delay_s * 1000)))
            self.loop.call_later(delay_s, connection.close, SHUTDOWN)
        end = self.loop.time() + conf.CHAT_DRAIN_S + DISCONNECT_S
        while self.connections and self.loop.time() < end:  # noqa: ASYNC110 - once in a process's life
            await asyncio.sleep(0.05)
        await self.write_queue.flush()
        await self.reactions.flush()
        await self.streams.flush()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs a task until it ends or the node stops; what it logs names no request or connection of the caller."""
        context = unbound()
        context.run(scopes.enter, None)
        task = asyncio.create_task(work, context=context)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Awaits work that is completed even when the node stops meanwhile."""
        task = asyncio.ensure_future(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        await asyncio.shield(task)

    def _store(self, messages: list[NewMessage]) -> list[Answer]:
        """On the writer's thread."""
        answers = store_messages(messages, wait=False)
        self._checkpoints.after_commit()
        return answers

    def _broadcast_stored(self, answers: list[Answer]) -> None:
        stored = new_messages(answers)
        self.bus.publish([*map(change_event, stored), *mentions.notices(whole(stored))])
        signals.send_posted(whole(stored))
        self.indexer.stored(stored)
        self.deliveries.stored(stored)

    def on_control(self, payload: bytes) -> None:
        """What another process, or a thread of this one, says to all processes."""
        match control.decode(payload):
            case control.UsersChanged(keys):
                self.rights.recheck_users(keys)
            case control.RoomChanged(room_id):
                self.rights.recheck_rooms([room_id])
            case control.Notification() as one:
                notices.send_all(self.connections, [one])
            case control.Notifications(several):
                notices.send_all(self.connections, several)
            case control.MemberAdded(key, room_id):
                self.spawn(notices.room_added(self.connections, self.presence, key, room_id))
            case control.Mentioned() as mentioned:
                self.mention_notices.add(mentioned)
            case control.FiltersChanged():
                self.spawn(filters.changed())

    def post(self, message: NewMessage, reply: Callable[[Answer], None]) -> None:
        """Has a message stored and broadcast; `reply` is called after the commit. Unavailable when too many wait."""
        self.write_queue.submit(message, reply)

    async def posted(self, message: NewMessage) -> StoredMessage:
        """The same, awaited; raises what refuses it."""
        return await self.write_queue.stored(message)

    async def remove_unused(self, room_id: int) -> None:
        """Removes a room made by joining that is certainly empty and has no messages."""

        def is_empty(room_id: int) -> bool:  # on a database thread, which waits
            asked = asyncio.run_coroutine_threadsafe(self.presence.is_empty(room_id), self.loop)
            with suppress(TimeoutError):
                return asked.result(ASK_TIMEOUT_S)
            return False

        await database.call(rooms.remove_unused, room_id=room_id, is_empty=is_empty)

    # --- Periodic work ------------------------------------------------------------------------------------------------
    async def _upkeep(self) -> None:
        """Renews the lease and the groups, and broadcasts who left because their process died."""
        departures = await self.presence.renew()
        await self.bus.reconcile()
        metrics.rooms_active(sum(topics.room_id(topic) is not None for topic in self.hub.topics()))
        await self._broadcast_departures(departures)

    async def _sweep(self) -> None:
        await self.repair.sweep(self.connections.values())

    async def _recheck_leases(self) -> None:
        """Asks again who may be in the rooms where the project's own code decides, a few connections at a time."""
        leased = [one for one in self.connections.values() if any(map(is_leased, one.rooms.values()))]
        for start in range(0, len(leased), conf.CHAT_DATABASE_THREADS):
            some = leased[start : start + conf.CHAT_DATABASE_THREADS]
            await asyncio.gather(*[self._recheck_lease(connection) for connection in some])

    async def _recheck_lease(self, connection: Connection) -> None:
        """One that gets no answer is asked again at the next lease, and delays the others by no more than this."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ASK_TIMEOUT_S):
                await self._recheck(self, connection)

    async def _remove_rooms(self) -> None:
        """Removes rooms nobody uses, and deletes the messages of removed ones, some at a time."""
        for room_id in await database.call(rooms.unused_rooms):
            await self.remove_unused(room_id)
        for room_id in await database.call(rooms.removed_rooms):
            await database.repeat(rooms.purge, room_id=room_id)

    async def _broadcast_departures(self, departures: list[Departure]) -> None:
        """Broadcasts departures and confirms them; those that fail are returned by the next renewal."""
        if not departures:
            return
        names = await database.call(rooms.room_names, room_ids=[room_id for room_id, _ in departures])
        now = timestamp(timezone.now())
        for room_id, person in departures:
            if room_id in names:
                user = UserRef(person.user_id, person.username)
                frame = UserLeft(room_id=names[room_id], user=user, timestamp=now)
                self.bus.publish([Event(topics.of_room(room_id), encode(frame))])
        await self.presence.confirm(departures)


_node: Node | None = None


def running(recheck: Recheck) -> Node:
    """The node of the running event loop; the first call starts it."""
    global _node  # noqa: PLW0603 - a process has one node, and its threads must find it
    if _node is None or _node.loop is not asyncio.get_running_loop():
        _node = Node(recheck)
        _node.start()
    return _node


def current() -> Node | None:
    """The running node, if there is one."""
    return _node


async def stop() -> None:
    """Stops the running node, if there is one."""
    global _node
    node, _node = _node, None
    if node is not None:
        await node.stop()


def draining() -> bool:
    """Whether this process is closing its connections."""
    return _node is not None and _node.draining


def is_deaf() -> bool:
    """Whether this process does not receive what others send, though they can be reached."""
    return _node is not None and not _node.bus.is_listening


def alone() -> bool:
    """Whether this process cannot reach the others now; its own clients are served all the same."""
    return _node is not None and not _node.presence.reachable()
