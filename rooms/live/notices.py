"""What is for all connections of one user in this process: notifications, and rooms they have become a member of."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from rooms import access, database
from rooms.errors import ChatError
from rooms.live.connection import Connection
from rooms.live.control import Notification
from rooms.live.events import Encoded
from rooms.live.presence import Presence
from rooms.protocol.codec import encode
from rooms.protocol.frames.members import RoomAdded
from rooms.services.direct import whole_rooms
from rooms.storage import RoomEntry

ROOMS = "rooms"  # the addition that a client accepts who is sent whole rooms


def send(connections: Mapping[str, Connection], key: str, frame: Encoded, accept: str = "") -> None:
    """Sends a frame to every connection of this user that accepts the addition, if one is named."""
    for connection in _of_user(connections, key, accept):
        connection.offer(frame, ephemeral=True)


def send_all(connections: Mapping[str, Connection], notifications: list[Notification]) -> None:
    """Sends each user's connections what is for them."""
    found: defaultdict[str, list[tuple[Notification, Encoded]]] = defaultdict(list)
    for one in notifications:
        found[one.key].append((one, Encoded(one.frame.encode())))
    for connection in connections.values():
        if connection.identity is None:
            continue
        for one, frame in found.get(connection.identity.key, ()):
            if _is_for(connection, one):
                connection.offer(frame, ephemeral=True)


def _is_for(connection: Connection, one: Notification) -> bool:
    """Whether this connection of the user is to get it."""
    if connection.id == one.skip or _is_bound(connection) or (one.accept and one.accept not in connection.accepts):
        return False
    return not (one.besides and any(room.room_id == one.besides for room in connection.rooms.values()))


async def room_added(connections: Mapping[str, Connection], presence: Presence, key: str, room_id: int) -> None:
    """Sends the room as this user knows it; nothing when they may not enter it now, or it cannot be read."""
    found = _of_user(connections, key, ROOMS)
    if not found:
        return
    user_id: Any = found[0].identity.user_id
    try:
        room: RoomEntry = await database.call(access.entry_by_id, user_id, room_id)
        counts = await presence.counts([room_id])
        [whole] = await database.call(whole_rooms, [room], counts)
    except ChatError:
        return
    if room.role is not None:
        send(connections, key, Encoded(encode(RoomAdded(room=whole))), ROOMS)


def _is_bound(connection: Connection) -> bool:
    """Whether it came by a token of named rooms: what is for all connections of its user tells of other rooms too."""
    scope = connection.identity.scope
    return scope is not None and scope.rooms is not None


def _of_user(connections: Mapping[str, Connection], key: str, accept: str) -> list[Connection]:
    return [
        connection
        for connection in connections.values()
        if connection.identity is not None
        and connection.identity.key == key
        and not _is_bound(connection)
        and (not accept or accept in connection.accepts)
    ]
