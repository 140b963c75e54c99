"""What one has missed."""

from rooms.protocol.commands.base import Command, Limit, MessageId

MISSED_DEFAULT, MISSED_MAX = 20, 50


class GetMissed(Command, tag="get-missed"):
    """The messages that mention the sender or answer theirs and that they have not read, in the rooms of which they are
    a member; and the rooms with anything unread. `before` is the `next` of the page before; 50 messages at most.
    Answer: `missed`.
    """

    bucket = "reads"
    before: MessageId | None = None
    limit: Limit = MISSED_DEFAULT


COMMANDS: tuple[type[Command], ...] = (GetMissed,)
