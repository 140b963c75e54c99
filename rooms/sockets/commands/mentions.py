"""What one has missed."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.mentions import GetMissed
from rooms.protocol.frames.mentions import Missed
from rooms.services.missed import missed


async def get_missed(node: Node, connection: Connection, command: GetMissed) -> None:
    """As of what the sender has read a moment ago, too."""
    user_id = connection.identity.user_id
    await node.marks.flush(user_id)
    page = await database.call(missed, user_id=user_id, before=command.before, limit=command.limit)
    connection.send(Missed(id=command.id, mentions=page.mentions, next=page.next, rooms=page.rooms))


HANDLERS = {GetMissed: get_missed}
