"""Editing messages by their authors' commands, and what moderators read of it."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.edits import EditMessage, GetVersions
from rooms.protocol.frames.edits import Versions
from rooms.services import edits
from rooms.sockets.answers import acknowledge_change


async def edit_message(_node: Node, connection: Connection, command: EditMessage) -> None:
    edited = await database.call(
        edits.edit_message,
        actor=connection.identity.acts("socket"),
        name=command.name,
        message_id=command.message_id,
        content=command.content,
        if_changed_seq=command.if_changed_seq,
        names=command.mentions,
    )
    acknowledge_change(connection, command, edited)


async def get_versions(_node: Node, connection: Connection, command: GetVersions) -> None:
    actor, name = connection.identity.acts("socket"), command.name
    found = await database.call(edits.versions, actor=actor, name=name, message_id=command.message_id)
    connection.send(Versions(id=command.id, room_id=name, message_id=command.message_id, versions=found))


HANDLERS = {EditMessage: edit_message, GetVersions: get_versions}
