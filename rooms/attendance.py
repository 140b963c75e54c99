"""Signing in, entering and leaving through one connection: in which order presence, hub, bus and snapshot are touched.

Nothing passes a joiner by: the hub holds events back for them from before their snapshot is read until it was sent.
"""

import asyncio
from contextlib import suppress
from time import time

import structlog
from django.conf import settings
from django.utils import timezone

from accounts import authentication
from accounts.authentication import Identity
from chatsite import database
from chatsite.closes import BANNED, SIGNED_OUT, TOKEN_EXPIRED
from chatsite.errors import Banned, ChatError, Forbidden, NoSuchRoom, NotInRoom, Unavailable
from rooms import access, protocol, services
from rooms import node as process
from rooms.delivery.bus import EVERYONE
from rooms.delivery.connection import Connection
from rooms.delivery.events import Event
from rooms.delivery.presence import Online
from rooms.models import Room
from rooms.node import Node
from rooms.services import Snapshot

log = structlog.get_logger(__name__)
Notice = type[protocol.UserJoined] | type[protocol.UserLeft]
TRIES = 3  # a transient room can disappear while somebody enters it; they then make it again
EXPIRY_WARNING_S = 60.0
CHECK_AGAIN_S = 1.0  # while the database is away


def user_ref(identity: Identity) -> protocol.UserRef:
    return protocol.UserRef(str(identity.user_id), identity.username)


async def sign_in(node: Node, connection: Connection, identity: Identity) -> None:
    """Makes the connection this user's, or replaces its token in place; Forbidden when it is another user's already."""
    if connection.identity is not None and connection.identity.user_id != identity.user_id:
        raise Forbidden("This connection belongs to another user")
    newcomer = connection.identity is None
    connection.identity = identity
    _watch_expiry(connection, identity)
    if newcomer:
        node.hub.join(EVERYONE, connection)
        node.hub.admit(EVERYONE, connection)
        person = Online(identity.user_id, identity.username, timezone.now(), connection.address)
        await node.presence.connect(person)


def _watch_expiry(connection: Connection, identity: Identity) -> None:
    """Tells a connection a minute before its token ends, and closes it when it has ended."""
    if connection.closing is not None:
        return
    if identity.expires_at is None:
        connection.set_timer(0, None)
        return

    def expire() -> None:
        connection.close(TOKEN_EXPIRED)

    def warn() -> None:
        left_s = max(0.0, (identity.expires_at or 0) - time())
        connection.send(protocol.AuthExpiring(in_ms=int(left_s * 1000)))
        connection.set_timer(left_s, expire)

    connection.set_timer(max(0.0, identity.expires_at - time() - EXPIRY_WARNING_S), warn)


async def join(node: Node, connection: Connection, name: str, after: int | None = None) -> tuple[Room, int, Snapshot]:
    """Enters a room, made if there is none. Answers it, how many people are in it, and what to show.

    The caller sends these and then calls `admit`; until then the hub holds back what is said.
    """
    limit = settings.CHAT_MAX_ROOMS_PER_CONNECTION
    if 0 < limit <= len(connection.rooms) and name not in connection.rooms:
        raise Forbidden(f"One connection can be in {limit} rooms at most")
    for _ in range(TRIES):
        room = await database.call(services.enter_room, user_id=connection.identity.user_id, name=name)
        if name in connection.rooms and connection.rooms[name].pk != room.pk:
            await leave(node, connection, name)
        try:
            count = await _take_seat(node, connection, room)
            snapshot = await _read_snapshot(node, room, after)
            if snapshot is not None and snapshot.head < node.hub.start(services.topic(room.pk)):
                snapshot = await _read_snapshot(node, room, after)
        except Exception:
            await leave(node, connection, name)
            raise
        if snapshot is not None:
            return room, count, snapshot
        await leave(node, connection, name)
    raise Unavailable("The room keeps disappearing")


async def _read_snapshot(node: Node, room: Room, after: int | None) -> Snapshot | None:
    """All who took their seats before the reading began share it: of 20 who come at once two or three read."""
    return await node.snapshots.call((room.pk, after), services.snapshot, room=room, after=after)


async def _take_seat(node: Node, connection: Connection, room: Room) -> int:
    topic = services.topic(room.pk)
    node.hub.join(topic, connection, room.name)
    if room.name in connection.rooms:
        counts = await node.presence.counts([room.pk])
        return counts[room.pk]
    connection.rooms[room.name] = room
    await node.bus.sync_subscription(topic)
    first_or_last, count = await node.presence.enter(room.pk, connection.identity.user_id)
    if first_or_last:
        _tell(node, room, protocol.UserJoined, connection.identity, count=count, skip=connection.id)
    return count


def admit(node: Node, connection: Connection, room: Room, snapshot: Snapshot) -> None:
    """The snapshot was sent: from here on the connection gets every event of the room."""
    node.hub.admit(services.topic(room.pk), connection, snapshot.head)


async def leave(node: Node, connection: Connection, name: str) -> None:
    """Leaves a room; NotInRoom. The room is told when it was the user's last socket there."""
    room: Room | None = connection.rooms.pop(name, None)
    if room is None:
        raise NotInRoom
    await _go_out(node, connection, room)
    await _give_up_seat(node, connection.identity, room)


async def _go_out(node: Node, connection: Connection, room: Room) -> None:
    topic = services.topic(room.pk)
    node.hub.leave(topic, connection)
    if topic not in node.hub:
        await node.bus.sync_subscription(topic)


async def _give_up_seat(node: Node, identity: Identity, room: Room) -> None:
    first_or_last, count = await node.presence.leave(room.pk, identity.user_id)
    if first_or_last and count:
        _tell(node, room, protocol.UserLeft, identity, count=count)
    if room.transient and not count:
        await _remove_unused(node, room.pk)


def _tell(node: Node, room: Room, kind: Notice, identity: Identity, *, count: int, skip: str = "") -> None:
    """Tells a room of one person, or, where that would be too much for all, how many there are."""
    if 0 < settings.CHAT_MAX_NOTICED_MEMBERS < count:
        node.members_changed(room)
        return
    frame = kind(room_id=room.name, user=user_ref(identity), timestamp=protocol.timestamp(timezone.now()))
    node.bus.publish([Event(services.topic(room.pk), protocol.encode(frame), skip=skip)])


async def _remove_unused(node: Node, room_id: int) -> None:
    """Order matters: the entries are read before presence, so an entry in between is seen by one of the two."""
    entries = await database.call(services.unused_entries, room_id=room_id)
    if entries is not None and not (await node.presence.counts([room_id]))[room_id]:
        await database.call(services.remove_unused, room_id=room_id, entries=entries)


async def forget(node: Node, connection: Connection) -> None:
    """The connection is gone. Its user counts as there for CHAT_LEAVE_DELAY_S more: a reloaded page is back by then."""
    connection.ended()
    rooms = list(connection.rooms.values())
    connection.rooms.clear()
    for room in rooms:
        await _go_out(node, connection, room)
    if connection.identity is not None:
        node.hub.leave(EVERYONE, connection)
        node.spawn(_take_leave(node, connection.identity, rooms))


async def _take_leave(node: Node, identity: Identity, rooms: list[Room]) -> None:
    await asyncio.sleep(settings.CHAT_LEAVE_DELAY_S)
    await node.finish(_depart(node, identity, rooms))  # else one who is counted out is not told to anybody


async def _depart(node: Node, identity: Identity, rooms: list[Room]) -> None:
    for room in rooms:
        with suppress(Unavailable):  # the database is away: an unused room stays, nothing else is missed
            await _give_up_seat(node, identity, room)
    await node.presence.disconnect(identity.user_id)


async def check(node: Node, connection: Connection) -> None:
    """Holds an open connection against the database: it goes on with today's roles and rooms, or is closed."""
    while connection.closing is None:
        try:
            await _check(node, connection)
        except Unavailable:
            log.warning("connection.check_put_off", user=connection.identity.user_id)
            await asyncio.sleep(CHECK_AGAIN_S)
        except ChatError as error:
            connection.close(BANNED if isinstance(error, Banned) else SIGNED_OUT)
        else:
            return


async def _check(node: Node, connection: Connection) -> None:
    identity = None
    while connection.identity is not identity:  # another check was faster, maybe with what was so before
        identity = connection.identity
        today = await database.call(authentication.refreshed, identity)
        if connection.identity is identity:
            connection.identity = identity = today
    for name in list(connection.rooms):
        await _check_room(node, connection, name)


async def _check_room(node: Node, connection: Connection, name: str) -> None:
    try:
        await database.call(access.room, connection.identity.user_id, name)
    except (Banned, NoSuchRoom) as error:
        if name in connection.rooms:
            await leave(node, connection, name)
            connection.send(protocol.Error(message=error.message, code=error.code, retryable=False))
            connection.send(protocol.RoomLeft(room_id=name))


def running() -> Node:
    """This process's node, started by the first call."""
    return process.running(check)
