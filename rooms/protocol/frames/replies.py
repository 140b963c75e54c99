"""What a message answers, and the messages that answer one."""

import msgspec

from rooms.protocol.frames.base import UserRef

EXCERPT_CHARS = 120


class ReplyTo(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True, kw_only=True):
    """The message that another one answers: its first 120 characters, or `deleted`.

    `rootId` is the first message of the thread. For a message that the reader may not see there are only its ids and
    its `seq`; one that was pruned has no `seq`.
    """

    message_id: str
    root_id: str
    seq: int | None = None
    user: UserRef | None = None
    excerpt: str | None = None
    deleted: bool | None = None
