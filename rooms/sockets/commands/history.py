"""Reading older messages."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.history import GetHistory
from rooms.protocol.frames.history import MessageHistory
from rooms.services.history import page


async def get_history(_node: Node, connection: Connection, command: GetHistory) -> None:
    messages = await database.call(
        page,
        user_id=connection.identity.user_id,
        name=command.name,
        limit=command.limit,
        before=command.before,
        after=command.after,
    )
    connection.send(MessageHistory(id=command.id, room_id=command.name, messages=messages))


HANDLERS = {GetHistory: get_history}
