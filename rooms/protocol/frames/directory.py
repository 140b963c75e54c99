"""People who were found by name."""

from rooms.protocol.frames.base import Frame, UserRef


class Users(Frame, tag="users"):
    """Answers `find-users`, by name."""

    query: str
    users: list[UserRef]


FRAMES: tuple[type[Frame], ...] = (Users,)
