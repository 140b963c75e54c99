"""Rooms: created, joined, left, listed."""

import msgspec

from rooms.protocol.frames.base import Frame, UserRef


class RoomRef(msgspec.Struct, rename="camel", frozen=True):
    id: str
    member_count: int


class WholeRoom(RoomRef, frozen=True, omit_defaults=True):
    """`role` and `level` are those of a member; `link` is there for the room of an object that has a page, `members`
    for a direct room: everybody in it, the reader too. It has no title: clients name it by the others.
    """

    title: str
    topic: str
    kind: str
    head_seq: int
    slow_mode_s: int
    locked: bool
    closed: bool
    history: str
    created_at: str
    role: str | None = None
    level: str | None = None
    link: str | None = None
    members: list[UserRef] | None = None


class RoomInfo(msgspec.Struct, rename="camel", frozen=True):
    """A room without what differs by reader or moment: neither `role` and `level`, nor how many people are there."""

    id: str
    title: str
    topic: str
    kind: str
    head_seq: int
    slow_mode_s: int
    locked: bool
    closed: bool
    history: str
    created_at: str


class RoomCreated(Frame, tag="room-created"):
    """Answers `create-room`."""

    room_id: str
    success: bool


class RoomJoined(Frame, tag="room-joined"):
    """Answers `join-room`. `memberCount` counts people in the room across all processes, not sockets.

    The history that follows is complete up to `headSeq`. After a `join-room` with `after`, `recovered` says whether it
    has all that changed since; else it is the newest page, as for a newcomer. `epoch` changes when the room was made
    again or the database restored. What follows is absent where there is nothing to say: the room's `kind` unless it is
    `public`, the reader's `role` here, until when they are muted, the seconds of slow mode, and whether the room is
    locked or closed.
    """

    room_id: str
    member_count: int
    head_seq: int
    epoch: str
    recovered: bool | None = None
    kind: str | None = None
    role: str | None = None
    muted_until: str | None = None
    slow_mode_s: int | None = None
    locked: bool | None = None
    closed: bool | None = None


class RoomLeft(Frame, tag="room-left"):
    """Answers `leave-room`."""

    room_id: str


class RoomsList(Frame, tag="rooms-list"):
    """Answers `get-rooms`. For a connection that accepts `rooms` each room is whole, as in `room-added`.

    `next`, when there are more rooms, is the `after` that asks for them.
    """

    rooms: list[RoomRef]
    next: str | None = None


FRAMES: tuple[type[Frame], ...] = (RoomCreated, RoomJoined, RoomLeft, RoomsList)
