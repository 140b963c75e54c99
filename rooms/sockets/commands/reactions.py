"""Reacting to messages."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.reactions import GetReactions, React
from rooms.protocol.frames.reactions import Reactions
from rooms.services import reactions
from rooms.sockets.answers import acknowledge_change


async def react(node: Node, connection: Connection, command: React) -> None:
    new = await database.call(
        reactions.new_reaction,
        actor=connection.identity.acts("socket"),
        name=command.name,
        message_id=command.message_id,
        emoji=command.emoji,
        on=command.on,
    )
    acknowledge_change(connection, command, await node.reactions.stored(new))


async def get_reactions(_node: Node, connection: Connection, command: GetReactions) -> None:
    found, following = await database.call(
        reactions.page,
        actor=connection.identity.acts("socket"),
        name=command.name,
        message_id=command.message_id,
        limit=command.limit,
        after=command.after,
    )
    connection.send(
        Reactions(
            id=command.id,
            room_id=command.name,
            message_id=command.message_id,
            reactions=found,
            next=following,
        )
    )


HANDLERS = {React: react, GetReactions: get_reactions}
