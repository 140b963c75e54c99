"""What a room itself says when it was changed."""

import msgspec

from rooms.protocol.frames.base import UserRef


class RoomEvent(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True, kw_only=True):
    """What the `user` of the message has done, by `name`; clients say in words those that they know.

    `room-updated`: what is present was changed to this. `member-added`, `member-removed` and `role-changed`: done to
    `user`, whose role is `role` now. `member-joined`: by an invitation. `member-left`: a private room.
    `message-pinned`: the message `messageId`, of the seq `seq`. With `site` the site's own code has done it, and the
    message's user is nobody.
    """

    name: str
    user: UserRef | None = None
    title: str | None = None
    topic: str | None = None
    slow_mode_s: int | None = None
    locked: bool | None = None
    closed: bool | None = None
    history: str | None = None
    role: str | None = None
    message_id: str | None = None
    seq: int | None = None
    site: bool | None = None
