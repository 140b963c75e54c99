"""Moderating a room by its members' commands."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.moderation import CloseRoom, Moderate, UpdateRoom
from rooms.services import moderation, room_settings
from rooms.sockets.answers import acknowledge


async def moderate(_node: Node, connection: Connection, command: Moderate) -> None:
    await database.call(
        moderation.moderate,
        actor=connection.identity.acts("socket"),
        name=command.name,
        username=command.username,
        action=command.action,
        minutes=command.minutes,
        role=command.role,
        reason=command.reason,
    )
    acknowledge(connection, command)


async def update_room(_node: Node, connection: Connection, command: UpdateRoom) -> None:
    await database.call(
        room_settings.update_room,
        actor=connection.identity.acts("socket"),
        name=command.name,
        title=command.title,
        topic=command.topic,
        slow_mode_s=command.slow_mode_s,
        locked=command.locked,
        history=command.history,
    )
    acknowledge(connection, command)


async def close_room(_node: Node, connection: Connection, command: CloseRoom) -> None:
    actor = connection.identity.acts("socket")
    await database.call(room_settings.close_room, actor=actor, name=command.name, on=command.on)
    acknowledge(connection, command)


HANDLERS = {Moderate: moderate, UpdateRoom: update_room, CloseRoom: close_room}
