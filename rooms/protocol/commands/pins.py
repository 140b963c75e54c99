"""Pinning messages, and reading those that are pinned."""

from rooms.protocol.commands.base import Command, Limit, MessageId, RoomCommand, Seq
from rooms.protocol.commands.history import HISTORY_DEFAULT


class PinMessage(RoomCommand, tag="pin-message"):
    """Pins a message, or with `on: false` takes the pin away; what is so already stays so. For moderators, in direct
    rooms for everybody there. Answer to an `id`: `ack`, with the message's `seq` and `changedSeq`.

    A room takes CHAT_MAX_PINS pinned messages; one more is refused with `conflict`. Deleting a message unpins it.
    """

    bucket = "changes"
    message_id: MessageId
    on: bool


class GetPins(RoomCommand, tag="get-pins"):
    """A page of the pinned messages of a room: the newest, or those before a `seq`; 200 messages at most. Answer:
    `pins`.
    """

    bucket = "reads"
    before: Seq | None = None
    limit: Limit = HISTORY_DEFAULT


COMMANDS: tuple[type[Command], ...] = (PinMessage, GetPins)
