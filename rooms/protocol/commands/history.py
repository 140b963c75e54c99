"""Reading older messages."""

from rooms.protocol.commands.base import Command, Limit, RoomCommand, Seq

HISTORY_DEFAULT, HISTORY_MAX = 50, 200


class GetHistory(RoomCommand, tag="get-history"):
    """A page of a room: the newest, or before or after a `seq`; 200 messages at most. Answer: `message-history`."""

    bucket = "reads"
    limit: Limit = HISTORY_DEFAULT
    before: Seq | None = None
    after: Seq | None = None


COMMANDS: tuple[type[Command], ...] = (GetHistory,)
