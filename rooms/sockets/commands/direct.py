"""Rooms of two people or a few."""

from functools import partial

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.direct import OpenDirect
from rooms.protocol.frames.members import RoomOpened
from rooms.services import direct


async def open_direct(node: Node, connection: Connection, command: OpenDirect) -> None:
    identity = connection.identity
    room = await database.call(
        direct.open_direct,
        actor=identity.acts("socket"),
        usernames=command.users,
        before_creating=partial(node.rates.spend, "new-rooms", identity.user_id),
    )
    counts = await node.presence.counts([room.room_id])
    [whole] = await database.call(direct.whole_rooms, [room], counts)
    connection.send(RoomOpened(id=command.id, room=whole))


HANDLERS = {OpenDirect: open_direct}
