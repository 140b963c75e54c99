"""Who is online."""

from rooms.protocol.commands.base import Command


class GetOnlineUsers(Command, tag="get-online-users"):
    """Answer: `online-users`."""

    bucket = "requests"


COMMANDS: tuple[type[Command], ...] = (GetOnlineUsers,)
