"""What a client sends, by subject: one class per command, with its tag, fields and limits."""

from rooms.protocol.commands import (
    announcements,
    deletions,
    history,
    moderation,
    posting,
    presence,
    rooms,
    session,
)
from rooms.protocol.commands.base import Command

COMMANDS: tuple[type[Command], ...] = tuple(
    command
    for module in (session, rooms, posting, deletions, moderation, history, presence, announcements)
    for command in module.COMMANDS
)
