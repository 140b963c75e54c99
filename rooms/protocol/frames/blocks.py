"""Whom a user has blocked."""

from rooms.protocol.frames.base import Frame, UserRef


class Blocks(Frame, tag="blocks"):
    """Answers `get-blocks`; without an `id` it tells the user's connections of a change. All who are blocked now."""

    users: list[UserRef]


FRAMES: tuple[type[Frame], ...] = (Blocks,)
