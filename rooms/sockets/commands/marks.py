"""How far one has read, what one has not, and who has read a message."""

from functools import partial

import msgspec

from rooms import access, database
from rooms.access import Action
from rooms.errors import ChatError
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.base import Command
from rooms.protocol.commands.marks import GetReaders, GetUnread, HideReads, MarkRead, MarkUnread
from rooms.protocol.frames.marks import Readers, UnreadRooms
from rooms.protocol.frames.session import Ack
from rooms.services import marks
from rooms.services.marks import Marked, Wish
from rooms.sockets.answers import acknowledge, refuse
from rooms.storage import RoomAccess


async def mark_read(node: Node, connection: Connection, command: MarkRead) -> None:
    """Has the mark written with others, and goes on; the answer comes after the commit."""
    room: RoomAccess | None = connection.rooms.get(command.name)
    if room is None:
        actor = connection.identity.acts("socket")
        room = await database.call(access.authorize, actor, command.name, Action.MARK)
    wish = Wish(room.room_id, connection.identity.user_id, command.seq, command.version, connection.id)
    node.marks.add(wish, partial(_settle, connection, command))


def _settle(connection: Connection, command: Command, answer: Marked | ChatError) -> None:
    if isinstance(answer, ChatError):
        refuse(connection, answer, command.id)
    elif command.id is not None:
        connection.send(Ack(id=command.id, room_id=answer.room_name, seq=answer.seq, version=answer.version))


async def mark_unread(node: Node, connection: Connection, command: MarkUnread) -> None:
    """After what was read before it, which may wait to be written."""
    await node.marks.flush(connection.identity.user_id)
    marked = await database.call(
        marks.mark_unread,
        actor=connection.identity.acts("socket"),
        name=command.name,
        seq=command.seq,
        connection_id=connection.id,
    )
    _settle(connection, command, marked)


async def get_unread(node: Node, connection: Connection, command: GetUnread) -> None:
    """As of what the sender has read a moment ago, too."""
    user_id = connection.identity.user_id
    await node.marks.flush(user_id)
    rooms = await database.call(marks.unread, user_id=user_id)
    hidden = await database.call(marks.is_hidden, user_id=user_id)
    connection.send(UnreadRooms(id=command.id, rooms=rooms, hidden=hidden or None))


async def get_readers(_node: Node, connection: Connection, command: GetReaders) -> None:
    page = await database.call(
        marks.readers,
        actor=connection.identity.acts("socket"),
        name=command.name,
        message_id=command.message_id,
        after=command.after,
        limit=command.limit,
    )
    found = msgspec.structs.asdict(page)
    connection.send(Readers(id=command.id, room_id=command.name, message_id=command.message_id, **found))


async def hide_reads(_node: Node, connection: Connection, command: HideReads) -> None:
    await database.call(marks.hide_reads, user_id=connection.identity.user_id, on=command.on)
    acknowledge(connection, command)


HANDLERS = {
    MarkRead: mark_read,
    MarkUnread: mark_unread,
    GetUnread: get_unread,
    GetReaders: get_readers,
    HideReads: hide_reads,
}
