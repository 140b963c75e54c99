"""Who is online, and who joins and leaves a room."""

import msgspec

from rooms.protocol.frames.base import Frame, UserRef


class OnlineUser(msgspec.Struct, rename="camel", frozen=True):
    id: str
    username: str
    authenticated_at: str


class OnlineUsers(Frame, tag="online-users"):
    """Answers `get-online-users`: people, not sockets."""

    users: list[OnlineUser]


class UserJoined(Frame, tag="user-joined"):
    """Somebody joined a room; not sent to the one who did."""

    room_id: str
    user: UserRef
    timestamp: str


class UserLeft(Frame, tag="user-left"):
    """Somebody left a room with their last connection."""

    room_id: str
    user: UserRef
    timestamp: str


class RoomMembers(Frame, tag="room-members"):
    """How many people are in a large room; sent once a second instead of each `user-joined` and `user-left`."""

    room_id: str
    member_count: int


FRAMES: tuple[type[Frame], ...] = (OnlineUsers, UserJoined, UserLeft, RoomMembers)
