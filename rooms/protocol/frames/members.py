"""Who belongs to a room, and which rooms one belongs to."""

import msgspec

from rooms.protocol.frames.base import Frame, UserRef
from rooms.protocol.frames.rooms import WholeRoom


class Member(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """`mutedUntil` and `bannedUntil` are there for moderators of the room alone, and while they last."""

    user: UserRef
    role: str
    online: bool
    muted_until: str | None = None
    banned_until: str | None = None


class Members(Frame, tag="members"):
    """Answers `get-members`. `role` is `owner`, `moderator` or `member`; `online` says whether they are signed in now.

    Moderators of the room also receive until when somebody is muted or banned, and who is banned without being a member
    (role `none`).
    """

    room_id: str
    members: list[Member]
    next: str | None = None


class RoomAdded(Frame, tag="room-added"):
    """The user is a member of this room now, or their `level` has changed: for each of their connections that accepts
    `rooms`. Nobody is sent it for a room that they became a member of by writing in it.
    """

    room: WholeRoom


class RoomRemoved(Frame, tag="room-removed"):
    """The user is no member of this room any more: for each of their connections that accepts `rooms`."""

    room_id: str


class RoomOpened(Frame, tag="room-opened"):
    """Answers `accept-invitation` and `open-direct`: the sender is a member of this room."""

    room: WholeRoom


FRAMES: tuple[type[Frame], ...] = (Members, RoomAdded, RoomRemoved, RoomOpened)
