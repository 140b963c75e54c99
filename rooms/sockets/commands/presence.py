"""Who is online."""

from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.presence import GetOnlineUsers
from rooms.protocol.frames.presence import OnlineUser, OnlineUsers
from rooms.protocol.rules import timestamp


async def get_online_users(node: Node, connection: Connection, command: GetOnlineUsers) -> None:
    people = await node.presence.online()
    users = [OnlineUser(person.user_id, person.username, timestamp(person.authenticated_at)) for person in people]
    connection.send(OnlineUsers(id=command.id, users=users))


HANDLERS = {GetOnlineUsers: get_online_users}
