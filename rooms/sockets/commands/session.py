"""`ping` and `auth`."""

from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.session import Auth, Ping
from rooms.protocol.frames.session import Pong
from rooms.protocol.rules import accepted
from rooms.sockets.session import authenticate


def ping(_node: Node, connection: Connection, command: Ping) -> None:
    connection.send(Pong(id=command.id))


async def auth(node: Node, connection: Connection, command: Auth) -> None:
    connection.accepts |= accepted(command.accept)
    await authenticate(node, connection, command.token, command.id)


HANDLERS = {Ping: ping, Auth: auth}
