"""Deleting messages by their authors' and moderators' commands."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.deletions import DeleteMessage, DeleteMessages
from rooms.protocol.frames.session import Ack
from rooms.services import deletions
from rooms.sockets.answers import acknowledge_change


async def delete_message(_node: Node, connection: Connection, command: DeleteMessage) -> None:
    deleted = await database.call(
        deletions.delete_message,
        actor=connection.identity.acts("socket"),
        name=command.name,
        message_id=command.message_id,
        reason=command.reason,
    )
    acknowledge_change(connection, command, deleted)


async def delete_messages(_node: Node, connection: Connection, command: DeleteMessages) -> None:
    deleted = await database.call(
        deletions.delete_messages,
        actor=connection.identity.acts("socket"),
        name=command.name,
        username=command.username,
        message_ids=command.message_ids,
        reason=command.reason,
    )
    if command.id is not None:
        connection.send(Ack(id=command.id, room_id=command.name, count=deleted.count, changed_seq=deleted.changed_seq))


HANDLERS = {DeleteMessage: delete_message, DeleteMessages: delete_messages}
