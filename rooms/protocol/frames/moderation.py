"""What was decided about a person in a room, and about the room."""

from rooms.protocol.frames.base import Frame, UserRef
from rooms.protocol.frames.rooms import RoomInfo


class MemberUpdated(Frame, tag="member-updated"):
    """What somebody is in a room was changed; this is all of it, as it is now. Sent to the room and to the person.

    `role` is absent for who is no member, `mutedUntil` and `bannedUntil` where there is no such restriction; `removed`
    and `kicked` say that the person was just put out. Not stored.
    """

    room_id: str
    user: UserRef
    role: str | None = None
    muted_until: str | None = None
    banned_until: str | None = None
    removed: bool | None = None
    kicked: bool | None = None


class RoomUpdated(Frame, tag="room-updated"):
    """The settings of a room were changed; this is the room as it is now, without what differs by reader.
    Not stored.
    """

    room: RoomInfo


FRAMES: tuple[type[Frame], ...] = (MemberUpdated, RoomUpdated)
