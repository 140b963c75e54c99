"""Messages to everybody signed in."""

from django.utils import timezone

from rooms import scopes
from rooms.errors import Forbidden
from rooms.live import topics
from rooms.live.connection import Connection
from rooms.live.events import Event
from rooms.live.node import Node
from rooms.protocol.codec import encode
from rooms.protocol.commands.announcements import AdminBroadcast, SendChat
from rooms.protocol.frames.announcements import AdminMessage, Chat
from rooms.protocol.rules import text_content, timestamp
from rooms.sockets.answers import acknowledge
from rooms.sockets.membership import user_ref


async def send_chat(node: Node, connection: Connection, command: SendChat) -> None:
    scopes.check_whole_chat()
    frame = Chat(user=user_ref(connection.identity), message=command.text, timestamp=timestamp(timezone.now()))
    node.bus.publish([Event(topics.EVERYONE, encode(frame))])
    acknowledge(connection, command)


async def admin_broadcast(node: Node, connection: Connection, command: AdminBroadcast) -> None:
    scopes.check_whole_chat()
    if "admin" not in connection.identity.roles:
        raise Forbidden("Admin permission required")
    frame = AdminMessage(content=text_content(command.content), sender=connection.identity.username)
    node.bus.publish([Event(topics.EVERYONE, encode(frame))])
    acknowledge(connection, command)


HANDLERS = {SendChat: send_chat, AdminBroadcast: admin_broadcast}
