"""Which slash commands there are. They are sent as the text of a message."""

from rooms.protocol.commands.base import Command, RoomCommand


class GetCommands(RoomCommand, tag="get-commands"):
    """The slash commands that one may use in a room. Answer: `commands`."""

    bucket = "reads"


COMMANDS: tuple[type[Command], ...] = (GetCommands,)
