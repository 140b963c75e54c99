"""That a message concerns somebody, and what they have missed."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from rooms.protocol.frames.base import Frame
from rooms.protocol.frames.marks import Unread
from rooms.protocol.frames.posting import ChatMessage, RoomMessage

Why = Literal["mention", "reply", "room"]


class MentionNotice(Frame, tag="mention"):
    """A message concerns the user: it mentions them (`mention`) or everybody in the room (`room`), or answers a message
    of theirs (`reply`). It comes to those of their connections that are not in the room, unless they are notified of
    nothing there or have blocked its author. An edit sends it to those who are mentioned newly.
    """

    message: ChatMessage | RoomMessage
    why: Why


class MissedMessage(msgspec.Struct, frozen=True):
    """A message that concerns the user, and why."""

    message: ChatMessage | RoomMessage
    why: Why


class Missed(Frame, tag="missed"):
    """Answers `get-missed`, the newest first. `next` is the `before` of the next page, where there is one. `rooms`, on
    the first page, are those with anything unread.
    """

    mentions: Sequence[MissedMessage]
    next: str | None = None
    rooms: Sequence[Unread] | None = None


FRAMES: tuple[type[Frame], ...] = (MentionNotice, Missed)
