"""Deleting messages, one or many."""

from typing import Annotated

import msgspec

from rooms.protocol.commands.base import Command, MessageId, Reason, RoomCommand, Username

MessageIds = Annotated[list[MessageId], msgspec.Meta(min_length=1, max_length=100)]


class DeleteMessage(RoomCommand, tag="delete-message"):
    """Deletes a message: one's own, or as a moderator anybody's. Answer to an `id`: `ack`, with the message's `seq` and
    `changedSeq`; one that is deleted already stays as it is.
    """

    bucket = "changes"
    message_id: MessageId
    reason: Reason = ""


class DeleteMessages(RoomCommand, tag="delete-messages"):
    """As a moderator: deletes all that a person has written in the room, or the messages of a list, of 100 at most.
    Answer to an `id`: `ack` with `count`, and the `changedSeq` of the one `messages-deleted`.
    """

    bucket = "changes"
    username: Username | None = None
    message_ids: MessageIds | None = None
    reason: Reason = ""


COMMANDS: tuple[type[Command], ...] = (DeleteMessage, DeleteMessages)
