"""Slash commands, which come as messages, and the list of them."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.posting import SendMessage
from rooms.protocol.commands.slash_commands import GetCommands
from rooms.protocol.frames.session import Ack
from rooms.protocol.frames.slash_commands import CommandResult, Commands
from rooms.services import slash_commands
from rooms.services.slash_commands import Line


async def run_command(connection: Connection, command: SendMessage, line: Line) -> None:
    """After the sender's earlier messages are stored; the connection's next command waits until this has answered."""
    await connection.settled()
    actor, name = connection.identity.acts("socket"), command.name
    text = await database.call(slash_commands.run, actor=actor, name=name, line=line)
    if command.id is not None:
        connection.send(Ack(id=command.id, room_id=name))
    if text:
        connection.send(CommandResult(room_id=name, command=line.name, text=text))


async def get_commands(_node: Node, connection: Connection, command: GetCommands) -> None:
    actor, name = connection.identity.acts("socket"), command.name
    found = await database.call(slash_commands.listed, actor=actor, name=name)
    connection.send(Commands(id=command.id, room_id=name, commands=found))


HANDLERS = {GetCommands: get_commands}
