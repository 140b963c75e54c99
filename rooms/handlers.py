"""What each command does: command class → function, two tables. No SQL, no Redis; the consumer answers errors."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog
from django.utils import timezone

from accounts import authentication
from chatsite import database
from chatsite.closes import AUTH_FAILED
from chatsite.errors import AuthRequired, ChatError, Forbidden, Internal, NotInRoom, Unavailable
from monitoring import metrics
from rooms import access, attendance, protocol, services
from rooms.attendance import user_ref
from rooms.delivery.bus import EVERYONE
from rooms.delivery.connection import Connection
from rooms.delivery.events import Event
from rooms.models import Message, Room
from rooms.node import Node
from rooms.posting import Answer, NewMessage

log = structlog.get_logger(__name__)
KINDS = {protocol.SendChatMessage: Message.Kind.CHAT.value, protocol.SendRoomMessage: Message.Kind.ROOM.value}


def refuse(connection: Connection, error: ChatError, command_id: str | None) -> None:
    """Answers a command with an error; only those that are a fault of ours count as failed."""
    if isinstance(error, Internal | Unavailable):
        metrics.failed()
    connection.send(
        protocol.Error(
            id=command_id,
            message=error.message,
            code=error.code,
            retryable=error.retryable,
            retry_after_ms=error.retry_after_ms,
        )
    )


def acknowledge(connection: Connection, command: protocol.Command) -> None:
    """Answers a command that has no answer of its own, if its sender wants to know."""
    if command.id is not None:
        connection.send(protocol.Ack(id=command.id))


def ping(_node: Node, connection: Connection, command: protocol.Ping) -> None:
    connection.send(protocol.Pong(id=command.id))


async def auth(node: Node, connection: Connection, command: protocol.Auth) -> None:
    connection.accepts |= protocol.accepted(command.accept)
    await authenticate(node, connection, command.token, command.id)


async def authenticate(node: Node, connection: Connection, token: str, command_id: str | None = None) -> None:
    """Signs a connection in by a token; a bad one is told why and closed."""
    try:
        await sign_in_by(node, connection, authentication.by_token, token, command_id)
    except AuthRequired as error:
        code = error.code if error.code == "auth-expired" else None
        connection.send(protocol.AuthFailed(id=command_id, message=error.message, code=code))
        connection.close(AUTH_FAILED)


async def sign_in_by(
    node: Node,
    connection: Connection,
    read: Callable[[str], authentication.Identity | None],
    proof: str,
    command_id: str | None = None,
) -> None:
    """Signs in whoever a token or a session key is read to belong to; nobody when it is nobody's."""
    checks = node.checks
    identity = await database.call(read, proof)
    if identity is None:
        return
    await attendance.sign_in(node, connection, identity)
    user = protocol.SignedInUser(str(identity.user_id), identity.username, list(identity.roles))
    connection.send(protocol.AuthSuccess(id=command_id, user=user))
    if node.checks != checks:  # somebody's rights changed after the proof was read: it may have been this user's
        await attendance.check(node, connection)


async def create_room(_node: Node, connection: Connection, command: protocol.CreateRoom) -> None:
    _, created = await database.call(services.create_room, user_id=connection.identity.user_id, name=command.name)
    connection.send(protocol.RoomCreated(id=command.id, room_id=command.name, success=created))


async def join_room(node: Node, connection: Connection, command: protocol.JoinRoom) -> None:
    room, count, snapshot = await attendance.join(node, connection, command.name, command.after)
    joined = protocol.RoomJoined(id=command.id, room_id=room.name, member_count=count)
    if command.after is not None:
        joined.recovered, joined.head_seq = snapshot.recovered, snapshot.head
    connection.send(joined)
    metrics.sent(1)
    connection.offer(snapshot.history)
    attendance.admit(node, connection, room, snapshot)


async def leave_room(node: Node, connection: Connection, command: protocol.LeaveRoom) -> None:
    await attendance.leave(node, connection, command.name)
    connection.send(protocol.RoomLeft(id=command.id, room_id=command.name))


def send_message(node: Node, connection: Connection, command: protocol.SendMessage) -> None:
    """Hands the message to the journal and goes on; the answer comes after the commit."""
    room: Room | None = connection.rooms.get(command.name)
    if room is None:
        raise NotInRoom
    content = protocol.text_content(command.content)
    client_id = command.client_id or command.id
    node.post(
        NewMessage(room.pk, connection.identity.user_id, content, client_id, KINDS[type(command)]),
        partial(_settle, connection, command),
    )
    connection.message_sent()


def _settle(connection: Connection, command: protocol.SendMessage, answer: Answer) -> None:
    connection.message_settled()
    if isinstance(answer, ChatError):
        refuse(connection, answer, command.id)
    elif command.id is not None:
        connection.send(
            protocol.Ack(
                id=command.id,
                room_id=answer.room.name,  # a repeated client id answers from where it was first stored
                seq=answer.seq,
                message_id=str(answer.pk),
                timestamp=protocol.timestamp(answer.created_at),
            )
        )


async def send_chat(node: Node, connection: Connection, command: protocol.SendChat) -> None:
    user, now = user_ref(connection.identity), protocol.timestamp(timezone.now())
    frame = protocol.Chat(user=user, message=command.text, timestamp=now)
    node.bus.publish([Event(EVERYONE, protocol.encode(frame))])
    acknowledge(connection, command)


async def get_rooms(node: Node, connection: Connection, command: protocol.GetRooms) -> None:
    names = await database.call(_room_names, connection.identity.user_id)
    counts = await node.presence.counts(names)
    rooms = [protocol.RoomRef(name, counts[room_id]) for room_id, name in names.items()]
    connection.send(protocol.RoomsList(id=command.id, rooms=rooms))


def _room_names(user_id: int) -> dict[int, str]:
    return dict(access.visible_rooms(user_id).order_by("name").values_list("pk", "name"))


async def get_history(_node: Node, connection: Connection, command: protocol.GetHistory) -> None:
    messages = await database.call(_history, connection.identity.user_id, command)
    frames: list[services.ChangeFrame] = [services.message_frame(message, command.name) for message in messages]
    connection.send(protocol.MessageHistory(id=command.id, room_id=command.name, messages=frames))


def _history(user_id: int, command: protocol.GetHistory) -> list[Message]:
    room = access.room(user_id, command.name)
    limit = min(command.limit, protocol.HISTORY_MAX)
    return Message.objects.page(room.pk, limit=limit, before=command.before, after=command.after)


async def get_online_users(node: Node, connection: Connection, command: protocol.GetOnlineUsers) -> None:
    people = await node.presence.online()
    users = [
        protocol.OnlineUser(str(person.user_id), person.username, protocol.timestamp(person.authenticated_at))
        for person in people
    ]
    connection.send(protocol.OnlineUsers(id=command.id, users=users))


async def admin_broadcast(node: Node, connection: Connection, command: protocol.AdminBroadcast) -> None:
    if "admin" not in connection.identity.roles:
        raise Forbidden("Admin permission required")
    content = protocol.text_content(command.content)
    frame = protocol.AdminMessage(content=content, sender=connection.identity.username)
    node.bus.publish([Event(EVERYONE, protocol.encode(frame))])
    acknowledge(connection, command)


# What waits for nothing, not even for the sender's earlier messages to be stored.
AT_ONCE: dict[type[protocol.Command], Callable[[Node, Connection, Any], None]] = {
    protocol.Ping: ping,
    protocol.SendChatMessage: send_message,
    protocol.SendRoomMessage: send_message,
}
HANDLERS: dict[type[protocol.Command], Callable[[Node, Connection, Any], Awaitable[None]]] = {
    protocol.Auth: auth,
    protocol.CreateRoom: create_room,
    protocol.JoinRoom: join_room,
    protocol.LeaveRoom: leave_room,
    protocol.SendChat: send_chat,
    protocol.GetRooms: get_rooms,
    protocol.GetHistory: get_history,
    protocol.GetOnlineUsers: get_online_users,
    protocol.AdminBroadcast: admin_broadcast,
}
