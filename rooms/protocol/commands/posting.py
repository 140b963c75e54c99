"""Saying something in a room."""

from rooms.protocol.commands.base import Command, Id, RoomCommand


class SendMessage(RoomCommand):
    """Says something in a joined room. Answer (when it has an `id`): `ack`, after the message is stored."""

    in_order = False  # the write queue keeps their order
    content: str
    client_id: Id | None = None


class SendChatMessage(SendMessage, tag="chat-message"):
    __doc__ = SendMessage.__doc__


class SendRoomMessage(SendMessage, tag="room-message"):
    """The same under its older name; the event then is `room-message`."""


COMMANDS: tuple[type[Command], ...] = (SendChatMessage, SendRoomMessage)
