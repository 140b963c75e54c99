"""Showing others that one is typing."""

from rooms.protocol.commands.base import RoomCommand


class SendTyping(RoomCommand, tag="typing"):
    """Shows the others in the room that the sender is typing, or with `on` false no more. A client sends it every 8
    seconds while somebody types, and not when they send what they typed. Answer to an `id`: `ack`. Who could not write
    a message now is refused as it would be.
    """

    bucket = "typing"
    on: bool = True


COMMANDS: tuple[type[RoomCommand], ...] = (SendTyping,)
