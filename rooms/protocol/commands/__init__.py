"""What a client sends, by subject: one class per command, with its tag, fields and limits."""

from rooms.protocol.commands import (
    announcements,
    blocks,
    deletions,
    direct,
    directory,
    edits,
    history,
    invitations,
    marks,
    members,
    mentions,
    moderation,
    posting,
    presence,
    reactions,
    replies,
    reports,
    rooms,
    search,
    session,
    typing,
)
from rooms.protocol.commands.base import Command

COMMANDS: tuple[type[Command], ...] = tuple(
    command
    for module in (
        session,
        rooms,
        members,
        invitations,
        direct,
        posting,
        edits,
        reactions,
        replies,
        typing,
        deletions,
        moderation,
        history,
        marks,
        mentions,
        search,
        directory,
        presence,
        reports,
        blocks,
        announcements,
    )
    for command in module.COMMANDS
)
