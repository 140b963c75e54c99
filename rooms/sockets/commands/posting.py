"""Posting messages."""

from collections.abc import Awaitable
from functools import partial

from rooms import hooks
from rooms.errors import ChatError, NoSuchMessage, NotInRoom
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.models import Message
from rooms.protocol.commands.posting import SendChatMessage, SendMessage, SendRoomMessage
from rooms.protocol.frames.session import Ack
from rooms.protocol.rules import text_content, timestamp
from rooms.services import mentions, slash_commands
from rooms.services.messages import key
from rooms.services.posting import Answer
from rooms.sockets.answers import refuse
from rooms.sockets.commands.slash_commands import run_command
from rooms.storage import NewMessage, RoomAccess

KINDS = {SendChatMessage: Message.Kind.CHAT.value, SendRoomMessage: Message.Kind.ROOM.value}


def send_message(node: Node, connection: Connection, command: SendMessage) -> Awaitable[None] | None:
    """Puts the message into the write queue and goes on; the answer comes after the commit."""
    room: RoomAccess | None = connection.rooms.get(command.name)
    if room is None:
        raise NotInRoom
    if command.reply_to is not None and key(command.reply_to) is None:
        raise NoSuchMessage
    kind, has_files = KINDS[type(command)], bool(command.attachments)
    content = text_content(command.content, has_files=has_files)
    if content.startswith("/"):
        line = slash_commands.read(content, is_bot=connection.identity.is_bot, has_files=has_files)
        if line.is_command:
            node.rates.spend_message(connection.identity.user_id, room.room_id, None)  # one sent again acts again
            return run_command(connection, command, line)
        content, kind = text_content(line.text, has_files=has_files), line.kind or kind
    node.rates.spend_message(connection.identity.user_id, room.room_id, command.client_id)
    if hooks.decide_posts():
        return _send_checked(node, connection, command, room, content, kind=kind)
    _post(node, connection, command, room, content, kind=kind)
    return None


async def _send_checked(
    node: Node, connection: Connection, command: SendMessage, room: RoomAccess, content: str, *, kind: str
) -> None:
    """The connection's next command waits until the project's hooks have answered."""
    checked = await hooks.acheck_post(connection.identity.user_id, room.room_id, content)
    _post(node, connection, command, room, text_content(checked, has_files=bool(command.attachments)), kind=kind)


def _post(
    node: Node, connection: Connection, command: SendMessage, room: RoomAccess, content: str, *, kind: str
) -> None:
    identity = connection.identity
    reply_to = key(command.reply_to) if command.reply_to is not None else None
    moderates = "moderator" in identity.roles
    names = mentions.checked(command.mentions) if command.mentions else ()
    node.post(
        NewMessage(
            room.room_id,
            identity.user_id,
            content,
            command.client_id,
            kind,
            reply_to,
            moderates,
            names,
            tuple(command.attachments),
            bot=identity.is_bot,
            bot_mentions=identity.may_mention,
        ),
        partial(_settle, connection, command.id),
    )
    connection.message_sent()


def _settle(connection: Connection, command_id: str | None, answer: Answer) -> None:
    connection.message_settled()
    if isinstance(answer, ChatError):
        refuse(connection, answer, command_id)
    elif command_id is not None:
        connection.send(
            Ack(
                id=command_id,
                room_id=answer.room_name,
                seq=answer.seq,
                message_id=str(answer.id),
                timestamp=timestamp(answer.created_at),
            )
        )


HANDLERS = {SendChatMessage: send_message, SendRoomMessage: send_message}
