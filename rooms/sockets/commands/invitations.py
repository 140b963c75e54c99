"""Links that make people members of a room."""

import msgspec

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.invitations import AcceptInvitation, CreateInvitation
from rooms.protocol.frames.members import RoomOpened
from rooms.services import invitations
from rooms.services.rooms import whole_room


async def create_invitation(_node: Node, connection: Connection, command: CreateInvitation) -> None:
    created = await database.call(
        invitations.create,
        actor=connection.identity.acts("socket"),
        name=command.name,
        hours=command.hours,
        uses=command.uses,
    )
    frame = invitations.frame(command.name, created)
    connection.send(msgspec.structs.replace(frame, id=command.id))


async def accept_invitation(node: Node, connection: Connection, command: AcceptInvitation) -> None:
    room = await database.call(invitations.accept, actor=connection.identity.acts("socket"), code=command.code)
    counts = await node.presence.counts([room.room_id])
    connection.send(RoomOpened(id=command.id, room=whole_room(room, counts[room.room_id])))


HANDLERS = {CreateInvitation: create_invitation, AcceptInvitation: accept_invitation}
