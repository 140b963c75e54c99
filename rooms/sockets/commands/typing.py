"""Showing others that one is typing."""

from rooms import database
from rooms.errors import NotInRoom
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.typing import SendTyping
from rooms.services.typing import show_typing
from rooms.sockets.answers import acknowledge
from rooms.storage import RoomAccess


async def send_typing(node: Node, connection: Connection, command: SendTyping) -> None:
    room: RoomAccess | None = connection.rooms.get(command.name)
    if room is None:
        raise NotInRoom
    counts = await node.presence.counts([room.room_id])
    await database.call(
        show_typing,
        actor=connection.identity.acts("socket"),
        name=room.name,
        on=command.on,
        counts=lambda ids: {room_id: counts.get(room_id, 0) for room_id in ids},
        connection_id=connection.id,
    )
    acknowledge(connection, command)


HANDLERS = {SendTyping: send_typing}
