"""Joining and leaving rooms by one connection: the order in which presence, hub, bus and snapshot are used.

A joiner misses nothing: the hub holds events back for them from before their snapshot is read until it was sent.
"""

import asyncio
from contextlib import suppress
from functools import partial

from django.utils import timezone

from rooms import database
from rooms.callers import Identity
from rooms.conf import conf
from rooms.errors import Forbidden, NotInRoom, Unavailable
from rooms.live import topics
from rooms.live.connection import Connection
from rooms.live.events import Event
from rooms.live.node import Node
from rooms.protocol.codec import encode
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.presence import UserJoined, UserLeft
from rooms.protocol.rules import timestamp
from rooms.services.history import Snapshot, snapshot
from rooms.services.rooms import enter_room
from rooms.storage import RoomAccess

Notice = type[UserJoined] | type[UserLeft]
TRIES = 3  # a room made by joining can disappear while somebody joins it; they then create it again


def user_ref(identity: Identity) -> UserRef:
    return UserRef(identity.key, identity.username, identity.avatar)


async def join(
    node: Node, connection: Connection, name: str, after: int | None = None, epoch: str | None = None
) -> tuple[RoomAccess, int, Snapshot]:
    """Joins a room, created if there is none. Returns it, how many people are in it, and the snapshot.

    The caller sends these and then calls `activate`; until then the hub holds events back. After a failure the
    connection is in the room if it was before.
    """
    limit = conf.CHAT_MAX_ROOMS_PER_CONNECTION
    if 0 < limit <= len(connection.rooms) and name not in connection.rooms:
        raise Forbidden(f"One connection can be in {limit} rooms at most")
    changes = node.rights.changes
    for _ in range(TRIES):
        user_id = connection.identity.user_id
        may_create = partial(node.rates.spend, "new-rooms", user_id)
        room = await database.call(enter_room, user_id=user_id, name=name, before_creating=may_create)
        was_member = await _is_member(node, connection, room)
        try:
            count = await _subscribe(node, connection, room, was_member)
            shown = await _read_snapshot(node, room, after, epoch)
        except Exception:
            await _undo_join(node, connection, room, was_member)
            raise
        if shown is None:
            await leave(node, connection, name)
        elif connection.rooms.get(name) is room:  # else a re-check took the room away meanwhile
            if node.rights.changes != changes:  # after the room was read, and before a re-check would have found it
                node.rights.recheck(connection)
            return room, count, shown
    raise Unavailable("The room keeps disappearing")


async def _is_member(node: Node, connection: Connection, room: RoomAccess) -> bool:
    """Whether the connection is in this room already; one that has gone since, under the same name, is left."""
    before = connection.rooms.get(room.name)
    if before is not None and before.room_id != room.room_id:
        await leave(node, connection, room.name)
        return False
    return before is not None


async def _subscribe(node: Node, connection: Connection, room: RoomAccess, was_member: bool) -> int:
    topic = topics.of_room(room.room_id)
    node.hub.subscribe(topic, connection, room.name, room.visible_from_seq)
    connection.rooms[room.name] = room
    if was_member:
        counts = await node.presence.counts([room.room_id])
        return counts[room.room_id]
    await node.bus.sync_subscription(topic)
    is_first, count = await node.presence.enter(room.room_id, connection.identity.key)
    if is_first:
        _notify(node, room, UserJoined, connection.identity, count=count, skip=connection.id)
    return count


async def _read_snapshot(node: Node, room: RoomAccess, after: int | None, epoch: str | None) -> Snapshot | None:
    """All who subscribed before the reading began share it: of 20 who come at once two or three read.

    Read again when somebody who had read more was first: what is between was not held back.
    """
    topic = topics.of_room(room.room_id)
    shown: Snapshot | None = None
    for _ in range(2):
        key = (room.room_id, room.visible_from_seq, after, epoch)
        shown = await node.snapshots.call(key, snapshot, room=room, after=after, epoch=epoch)
        if shown is None or shown.head >= node.hub.start(topic):
            break
    if shown is not None:
        node.hub.begin(topic, shown.head)
    return shown


async def _undo_join(node: Node, connection: Connection, room: RoomAccess, was_member: bool) -> None:
    if connection.rooms.get(room.name) is not room:
        return
    if was_member:
        node.hub.activate(topics.of_room(room.room_id), connection)
    else:
        await leave(node, connection, room.name)


def activate(node: Node, connection: Connection, room: RoomAccess, shown: Snapshot) -> None:
    """The snapshot was sent: from here on the connection gets every event of the room."""
    node.hub.activate(topics.of_room(room.room_id), connection, shown.head)


def limit(node: Node, connection: Connection, room: RoomAccess) -> None:
    """The connection's user was removed and is a member again: what is older is hidden from them now."""
    connection.rooms[room.name] = room
    node.hub.limit(topics.of_room(room.room_id), connection, room.visible_from_seq)


async def leave(node: Node, connection: Connection, name: str) -> None:
    """Leaves a room; NotInRoom. `user-left` is broadcast when it was the user's last socket there."""
    room: RoomAccess | None = connection.rooms.pop(name, None)
    if room is None:
        raise NotInRoom
    await node.finish(_leave(node, connection, room))  # a connection cut off meanwhile must not stay counted


async def _leave(node: Node, connection: Connection, room: RoomAccess) -> None:
    await _unsubscribe(node, connection, room)
    await _uncount(node, connection.identity, room)


async def _unsubscribe(node: Node, connection: Connection, room: RoomAccess) -> None:
    topic = topics.of_room(room.room_id)
    node.hub.unsubscribe(topic, connection)
    if topic not in node.hub:
        await node.bus.sync_subscription(topic)


async def _uncount(node: Node, identity: Identity, room: RoomAccess) -> None:
    is_last, count = await node.presence.leave(room.room_id, identity.key)
    if is_last and count:
        _notify(node, room, UserLeft, identity, count=count)
    if room.transient and not count:
        with suppress(Unavailable):  # the room is removed some time later
            await node.remove_unused(room.room_id)


def _notify(node: Node, room: RoomAccess, kind: Notice, identity: Identity, *, count: int, skip: str = "") -> None:
    """Broadcasts who joined or left, or in a large room the number of members."""
    if 0 < conf.CHAT_MAX_NOTICED_MEMBERS < count:
        node.member_counts.changed(room.room_id, room.name)
        return
    frame = kind(room_id=room.name, user=user_ref(identity), timestamp=timestamp(timezone.now()))
    node.bus.publish([Event(topics.of_room(room.room_id), encode(frame), skip=skip)])


async def disconnect(node: Node, connection: Connection) -> None:
    """The connection has closed. Its user counts as present for CHAT_LEAVE_DELAY_S more, enough to reload a page."""
    connection.ended()
    rooms = list(connection.rooms.values())
    connection.rooms.clear()
    for room in rooms:
        await _unsubscribe(node, connection, room)
    if connection.identity is not None:
        node.hub.unsubscribe(topics.EVERYONE, connection)
        node.spawn(_uncount_later(node, connection.identity, rooms))


async def _uncount_later(node: Node, identity: Identity, rooms: list[RoomAccess]) -> None:
    await asyncio.sleep(conf.CHAT_LEAVE_DELAY_S)
    # Finished even when the node stops: else one who is not counted any more would be announced to nobody.
    await node.finish(_uncount_all(node, identity, rooms))


async def _uncount_all(node: Node, identity: Identity, rooms: list[RoomAccess]) -> None:
    for room in rooms:
        await _uncount(node, identity, room)
    await node.presence.disconnect(identity.key)
