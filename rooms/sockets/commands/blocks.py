"""Blocking people."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.blocks import BlockUser, GetBlocks
from rooms.protocol.frames.blocks import Blocks
from rooms.services import blocks
from rooms.sockets.answers import acknowledge


async def block_user(_node: Node, connection: Connection, command: BlockUser) -> None:
    await database.call(blocks.set_block, user_id=connection.identity.user_id, username=command.username, on=command.on)
    acknowledge(connection, command)


async def get_blocks(_node: Node, connection: Connection, command: GetBlocks) -> None:
    users = await database.call(blocks.blocked_users, user_id=connection.identity.user_id)
    connection.send(Blocks(id=command.id, users=users))


HANDLERS = {BlockUser: block_user, GetBlocks: get_blocks}
