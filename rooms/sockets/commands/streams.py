"""Writing messages in pieces, as a bot; reading and stopping them, as anybody."""

from functools import partial

from rooms import database
from rooms.errors import ChatError, NoSuchMessage, NotInRoom
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.base import RoomCommand
from rooms.protocol.commands.streams import AppendMessage, EndMessage, GetStream, StartMessage, StopMessage
from rooms.protocol.frames.session import Ack
from rooms.protocol.rules import timestamp
from rooms.services import stream_starts, streams
from rooms.services.messages import key
from rooms.services.stream_parts import Answer, new_part
from rooms.sockets.answers import acknowledge_change, refuse
from rooms.storage import RoomAccess, StoredMessage


async def start_message(node: Node, connection: Connection, command: StartMessage) -> None:
    room, identity = _joined(connection, command), connection.identity
    reply_to = key(command.reply_to) if command.reply_to is not None else None
    if command.reply_to is not None and reply_to is None:
        raise NoSuchMessage
    node.rates.spend_message(identity.user_id, room.room_id, command.client_id)
    new = await database.call(
        stream_starts.new_stream,
        room_id=room.room_id,
        author_id=identity.user_id,
        client_id=command.client_id,
        reply_to=reply_to,
        moderates="moderator" in identity.roles,
    )
    message: StoredMessage = await node.posted(new)
    if command.id is not None:
        connection.send(
            Ack(
                id=command.id,
                room_id=message.room_name,
                seq=message.seq,
                message_id=str(message.id),
                timestamp=timestamp(message.created_at),
                offset=await database.call(streams.length, message),
            )
        )


def append_message(node: Node, connection: Connection, command: AppendMessage) -> None:
    """Hands the piece on and returns; the answer comes after the commit."""
    room, identity = _joined(connection, command), connection.identity
    part = new_part(
        room_id=room.room_id,
        author_id=identity.user_id,
        message_id=command.message_id,
        offset=command.offset,
        text=command.text,
        moderates="moderator" in identity.roles,
    )
    node.streams.append(part, partial(_settle, connection, command.id))
    connection.message_sent()


def _settle(connection: Connection, command_id: str | None, answer: Answer) -> None:
    connection.message_settled()
    if isinstance(answer, ChatError):
        refuse(connection, answer, command_id)
    elif command_id is not None:
        message_id = str(answer.message_id)
        connection.send(
            Ack(id=command_id, room_id=answer.room_name, message_id=message_id, seq=answer.seq, offset=answer.offset)
        )


async def end_message(_node: Node, connection: Connection, command: EndMessage) -> None:
    ended = await database.call(
        streams.end,
        actor=connection.identity.acts("socket"),
        name=command.name,
        message_id=command.message_id,
        interrupted=command.interrupted,
    )
    acknowledge_change(connection, command, ended)


async def stop_message(_node: Node, connection: Connection, command: StopMessage) -> None:
    actor, message_id = connection.identity.acts("socket"), command.message_id
    stopped = await database.call(streams.stop, actor=actor, name=command.name, message_id=message_id)
    acknowledge_change(connection, command, stopped)


async def get_stream(_node: Node, connection: Connection, command: GetStream) -> None:
    found = await database.call(
        streams.read,
        actor=connection.identity.acts("socket"),
        name=command.name,
        message_id=command.message_id,
        offset=command.offset,
    )
    found.id = command.id
    connection.send(found)


def _joined(connection: Connection, command: RoomCommand) -> RoomAccess:
    room: RoomAccess | None = connection.rooms.get(command.name)
    if room is None:
        raise NotInRoom
    return room


HANDLERS = {
    StartMessage: start_message,
    AppendMessage: append_message,
    EndMessage: end_message,
    StopMessage: stop_message,
    GetStream: get_stream,
}
