"""What a client sends, by subject: one class per command, with its tag, fields and limits."""

from rooms.protocol.commands import (
    announcements,
    blocks,
    deletions,
    history,
    invitations,
    members,
    moderation,
    posting,
    presence,
    reports,
    rooms,
    search,
    session,
)
from rooms.protocol.commands.base import Command

COMMANDS: tuple[type[Command], ...] = tuple(
    command
    for module in (
        session,
        rooms,
        members,
        invitations,
        posting,
        deletions,
        moderation,
        history,
        search,
        presence,
        reports,
        blocks,
        announcements,
    )
    for command in module.COMMANDS
)
