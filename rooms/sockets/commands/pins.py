"""Pinning messages by members' commands."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.pins import GetPins, PinMessage
from rooms.protocol.frames.pins import Pins
from rooms.services import pins
from rooms.sockets.answers import acknowledge_change


async def pin_message(_node: Node, connection: Connection, command: PinMessage) -> None:
    pinned = await database.call(
        pins.pin_message,
        actor=connection.identity.acts("socket"),
        name=command.name,
        message_id=command.message_id,
        on=command.on,
    )
    acknowledge_change(connection, command, pinned)


async def get_pins(_node: Node, connection: Connection, command: GetPins) -> None:
    actor, name = connection.identity.acts("socket"), command.name
    found = await database.call(pins.page, actor=actor, name=name, limit=command.limit, before=command.before)
    connection.send(Pins(id=command.id, room_id=name, messages=found))


HANDLERS = {PinMessage: pin_message, GetPins: get_pins}
