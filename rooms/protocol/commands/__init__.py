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
    pins,
    posting,
    presence,
    reactions,
    replies,
    reports,
    rooms,
    search,
    session,
    slash_commands,
    streams,
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
        slash_commands,
        streams,
        edits,
        reactions,
        replies,
        pins,
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
