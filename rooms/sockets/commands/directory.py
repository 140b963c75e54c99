"""Finding people by name."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.directory import FindUsers
from rooms.protocol.frames.directory import Users
from rooms.services.directory import find_users as found_users


async def find_users(_node: Node, connection: Connection, command: FindUsers) -> None:
    users = await database.call(
        found_users, user_id=connection.identity.user_id, query=command.query, limit=command.limit
    )
    connection.send(Users(id=command.id, query=command.query, users=users))


HANDLERS = {FindUsers: find_users}
