"""Many messages deleted at once."""

from rooms.protocol.frames.base import Frame, UserRef


class MessagesDeleted(Frame, tag="messages-deleted"):
    """Many messages were deleted by one change: those with `messageIds`, or all that `user` wrote with a `seq` below
    `changedSeq`.
    """

    room_id: str
    changed_seq: int
    user: UserRef | None = None
    message_ids: list[str] | None = None
    by: UserRef | None = None


FRAMES: tuple[type[Frame], ...] = (MessagesDeleted,)
