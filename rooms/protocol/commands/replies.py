"""Reading what answers a message."""

from rooms.protocol.commands.base import Command, Limit, MessageId, RoomCommand, Seq
from rooms.protocol.commands.history import HISTORY_DEFAULT


class GetReplies(RoomCommand, tag="get-replies"):
    """A page of the thread that begins with a message, without that one: the newest, or before or after a `seq`; 200
    messages at most. Answer: `replies`.
    """

    bucket = "reads"
    message_id: MessageId
    before: Seq | None = None
    after: Seq | None = None
    limit: Limit = HISTORY_DEFAULT


COMMANDS: tuple[type[Command], ...] = (GetReplies,)
