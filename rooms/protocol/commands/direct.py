"""Rooms of two people or a few."""

from typing import Annotated

import msgspec

from rooms.protocol.commands.base import Command, Username

USERS_MAX = 1_000  # in a frame; how many may be in a room is a setting


class OpenDirect(Command, tag="open-direct"):
    """The direct room of the sender and these people, made if there is none: always the same one for the same people,
    20 at most (CHAT_MAX_DIRECT_PEOPLE). Answer: `room-opened`.

    Refused with `blocked` when the sender has blocked one of them, or one of them the sender, who does not moderate the
    whole chat.
    """

    bucket = "changes"  # and "new-rooms" when it makes one
    users: Annotated[list[Username], msgspec.Meta(min_length=1, max_length=USERS_MAX)]


COMMANDS: tuple[type[Command], ...] = (OpenDirect,)
