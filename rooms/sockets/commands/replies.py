"""Reading what answers a message."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.replies import GetReplies
from rooms.protocol.frames.threads import Replies
from rooms.services import replies


async def get_replies(_node: Node, connection: Connection, command: GetReplies) -> None:
    found = await database.call(
        replies.page,
        actor=connection.identity.acts("socket"),
        name=command.name,
        message_id=command.message_id,
        limit=command.limit,
        before=command.before,
        after=command.after,
    )
    connection.send(Replies(id=command.id, room_id=command.name, message_id=command.message_id, messages=found))


HANDLERS = {GetReplies: get_replies}
