"""Becoming a member of a room, making others members, and who the members are."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.members import FollowRoom, GetMembers, Invite, UnfollowRoom
from rooms.protocol.frames.members import Members
from rooms.services import members
from rooms.sockets.answers import acknowledge


async def follow_room(_node: Node, connection: Connection, command: FollowRoom) -> None:
    actor = connection.identity.acts("socket")
    await database.call(members.follow, actor=actor, name=command.name, level=command.level)
    acknowledge(connection, command)


async def unfollow_room(_node: Node, connection: Connection, command: UnfollowRoom) -> None:
    await database.call(members.unfollow, actor=connection.identity.acts("socket"), name=command.name)
    acknowledge(connection, command)


async def invite(_node: Node, connection: Connection, command: Invite) -> None:
    actor = connection.identity.acts("socket")
    await database.call(members.invite, actor=actor, name=command.name, username=command.username)
    acknowledge(connection, command)


async def get_members(node: Node, connection: Connection, command: GetMembers) -> None:
    page = await database.call(
        members.members,
        actor=connection.identity.acts("socket"),
        name=command.name,
        after=command.after,
        limit=command.limit,
    )
    online = {person.user_id for person in await node.presence.online()}
    shown = await database.call(members.member_frames, page.rows, online)
    connection.send(Members(id=command.id, room_id=command.name, members=shown, next=page.next))


HANDLERS = {FollowRoom: follow_room, UnfollowRoom: unfollow_room, Invite: invite, GetMembers: get_members}
