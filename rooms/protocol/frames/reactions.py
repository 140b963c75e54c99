"""Reactions to messages."""

import msgspec

from rooms.protocol.frames.base import Frame, UserRef


class ReactionKind(msgspec.Struct, rename="camel", frozen=True):
    """One emoji at a message, and who set it: the first 50."""

    emoji: str
    count: int
    users: list[UserRef]


class ReactionOf(msgspec.Struct, rename="camel", frozen=True):
    user: UserRef
    emoji: str
    timestamp: str


class Reacted(Frame, tag="reaction"):
    """Somebody has set an emoji at a message, or with `on: false` taken it away; `count` have set it now.

    `changedSeq` is the room's seq of this change. An emoji that is new at the message stands behind the others.
    """

    room_id: str
    message_id: str
    seq: int
    changed_seq: int
    user: UserRef
    emoji: str
    on: bool
    count: int


class Reactions(Frame, tag="reactions"):
    """Answers `get-reactions`: the reactions to a message, the first ones first."""

    room_id: str
    message_id: str
    reactions: list[ReactionOf]
    next: str | None = None


FRAMES: tuple[type[Frame], ...] = (Reacted, Reactions)
