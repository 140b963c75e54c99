"""Creating, joining, leaving and listing rooms."""

from monitoring import metrics
from rooms import access, database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.models import Room
from rooms.protocol.commands.rooms import ROOMS_MAX, CreateRoom, GetRooms, JoinRoom, LeaveRoom
from rooms.protocol.frames.rooms import RoomCreated, RoomJoined, RoomLeft, RoomRef, RoomsList
from rooms.services import direct, rooms
from rooms.services.moderation import lasting
from rooms.sockets import membership


async def create_room(_node: Node, connection: Connection, command: CreateRoom) -> None:
    _, created = await database.call(rooms.create_room, user_id=connection.identity.user_id, name=command.name)
    connection.send(RoomCreated(id=command.id, room_id=command.name, success=created))


async def join_room(node: Node, connection: Connection, command: JoinRoom) -> None:
    room, count, shown = await membership.join(node, connection, command.name, command.after, command.epoch)
    joined = RoomJoined(
        id=command.id,
        room_id=room.name,
        member_count=count,
        head_seq=shown.head,
        epoch=shown.epoch,
        kind=room.kind if room.kind != Room.Kind.PUBLIC else None,
        role=room.role,
        muted_until=lasting(room.muted_until),
        slow_mode_s=room.slow_mode_s or None,
        locked=room.locked or None,
        closed=room.closed or None,
    )
    if command.after is not None:
        joined.recovered = shown.recovered
    connection.send(joined)
    metrics.sent(1 + len(shown.texts))
    for frame in (shown.history, *shown.texts):
        connection.offer(frame)
    await connection.drained()  # a slow client has read the history before live events fill its outbox
    membership.activate(node, connection, room, shown)


async def leave_room(node: Node, connection: Connection, command: LeaveRoom) -> None:
    await membership.leave(node, connection, command.name)
    connection.send(RoomLeft(id=command.id, room_id=command.name))


async def get_rooms(node: Node, connection: Connection, command: GetRooms) -> None:
    limit, user_id = min(command.limit, ROOMS_MAX), connection.identity.user_id
    found = await database.call(access.visible_rooms, user_id, after=command.after, limit=limit + 1)
    page = found[:limit]
    counts = await node.presence.counts([room.room_id for room in page])
    if "rooms" in connection.accepts:
        listed: list[RoomRef] = [*await database.call(direct.whole_rooms, page, counts)]
    else:
        listed = [RoomRef(room.name, counts[room.room_id]) for room in page]
    more = page[-1].name if len(found) > limit else None
    connection.send(RoomsList(id=command.id, rooms=listed, next=more))


HANDLERS = {CreateRoom: create_room, JoinRoom: join_room, LeaveRoom: leave_room, GetRooms: get_rooms}
