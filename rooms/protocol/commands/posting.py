"""Posting a message to a room."""

from rooms.protocol.commands.base import Command, Id, RoomCommand


class SendMessage(RoomCommand):
    """Posts a message to a joined room. Answer to an `id`: `ack`, after the message is stored."""

    bucket = "messages"  # and "room-messages"
    in_order = False  # the write queue keeps their order
    content: str
    client_id: Id | None = None


class SendChatMessage(SendMessage, tag="chat-message"):
    __doc__ = SendMessage.__doc__


class SendRoomMessage(SendMessage, tag="room-message"):
    """The same under its older name; the event then is `room-message`."""


COMMANDS: tuple[type[Command], ...] = (SendChatMessage, SendRoomMessage)
