"""What a client sends, by subject: one class per command, with its tag, fields and limits."""

from rooms.protocol.commands import (
    announcements,
    history,
    invitations,
    members,
    posting,
    presence,
    rooms,
    session,
)
from rooms.protocol.commands.base import Command

COMMANDS: tuple[type[Command], ...] = tuple(
    command
    for module in (session, rooms, members, invitations, posting, history, presence, announcements)
    for command in module.COMMANDS
)
