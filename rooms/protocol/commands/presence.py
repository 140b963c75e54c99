"""Who is online."""

from rooms.protocol.commands.base import Command


class GetOnlineUsers(Command, tag="get-online-users"):
    """Answer: `online-users`."""


COMMANDS: tuple[type[Command], ...] = (GetOnlineUsers,)
