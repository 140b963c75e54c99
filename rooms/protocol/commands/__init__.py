"""What a client sends, by subject: one class per command, with its tag, fields and limits."""

from rooms.protocol.commands import (
    announcements,
    blocks,
    deletions,
    edits,
    history,
    invitations,
    members,
    moderation,
    posting,
    presence,
    reactions,
    replies,
    reports,
    rooms,
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
        edits,
        reactions,
        replies,
        deletions,
        moderation,
        history,
        presence,
        reports,
        blocks,
        announcements,
    )
    for command in module.COMMANDS
)
