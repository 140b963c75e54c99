"""Reacting to messages by emojis."""

from typing import Annotated

import msgspec

from rooms.protocol.commands.base import Command, Limit, MessageId, RoomCommand

REACTIONS_DEFAULT, REACTIONS_MAX = 50, 200
Emoji = Annotated[str, msgspec.Meta(min_length=1, max_length=16)]


class React(RoomCommand, tag="react"):
    """Sets an emoji at a message, or with `on: false` takes it away; what is so already stays so. Answer to an `id`:
    `ack`, with the message's `seq` and `changedSeq`.

    `emoji` is one emoji of Unicode's list; with and without U+FE0F it is the same. A message takes
    CHAT_REACTION_KINDS different ones; above that (`conflict`) one can still join those that are there.
    """

    bucket = "changes"
    message_id: MessageId
    emoji: Emoji
    on: bool


class GetReactions(RoomCommand, tag="get-reactions"):
    """A page of the reactions to a message; 200 at most. Answer: `reactions`, whose `next` is the `after` of the next
    page.
    """

    bucket = "reads"
    message_id: MessageId
    after: MessageId | None = None
    limit: Limit = REACTIONS_DEFAULT


COMMANDS: tuple[type[Command], ...] = (React, GetReactions)
