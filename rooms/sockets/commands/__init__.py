"""What each command does, by subject: command class → function. No SQL, no Redis; the consumer answers errors.

A command that is `in_order` has a coroutine function, one that waits for nothing a plain one.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.base import Command
from rooms.sockets.commands import (
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

Handler = Callable[[Node, Connection, Any], Awaitable[None] | None]
HANDLERS: dict[type[Command], Handler] = {
    command: handle
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
    for command, handle in module.HANDLERS.items()
}
