"""Rooms: created, joined, left, listed."""

import msgspec

from rooms.protocol.frames.base import Frame


class RoomRef(msgspec.Struct, rename="camel", frozen=True):
    id: str
    member_count: int


class RoomCreated(Frame, tag="room-created"):
    """Answers `create-room`."""

    room_id: str
    success: bool


class RoomJoined(Frame, tag="room-joined"):
    """Answers `join-room`. `memberCount` counts people in the room across all processes, not sockets.

    The history that follows is complete up to `headSeq`. After a `join-room` with `after`, `recovered` says whether it
    has all that changed since; else it is the newest page, as for a newcomer. `epoch` changes when the room was made
    again or the database restored.
    """

    room_id: str
    member_count: int
    head_seq: int
    epoch: str
    recovered: bool | None = None


class RoomLeft(Frame, tag="room-left"):
    """Answers `leave-room`."""

    room_id: str


class RoomsList(Frame, tag="rooms-list"):
    """Answers `get-rooms`."""

    rooms: list[RoomRef]


FRAMES: tuple[type[Frame], ...] = (RoomCreated, RoomJoined, RoomLeft, RoomsList)
