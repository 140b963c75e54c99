"""Messages between processes: whose rights, or which room, may have changed, and what is for one user."""

import msgspec

from rooms.live import topics
from rooms.live.events import Event


class UsersChanged(msgspec.Struct, tag="users"):
    """The rights of these users may have changed: their open connections are re-checked."""

    keys: list[str]


class RoomChanged(msgspec.Struct, tag="room"):
    """This room was removed, or is not for everybody any more: its members are re-checked."""

    room_id: int


class Notification(msgspec.Struct, tag="notify"):
    """This frame is for every connection of this user that accepts the addition `accept`, if one is named, but not for
    those in the room `besides`: they get it with all there. The connection `skip` gets none.
    """

    key: str
    frame: str
    accept: str = ""
    besides: int = 0
    skip: str = ""


class Notifications(msgspec.Struct, tag="notify-many"):
    """Several at once: connections are looked through once for all."""

    all: list[Notification]


class MemberAdded(msgspec.Struct, tag="member"):
    """This user is a member of this room now: their connections are sent the room."""

    key: str
    room_id: int


class Mentioned(msgspec.Struct, tag="mentioned"):
    """This message concerns these users, or, with `everybody`, all members of its room: those who are connected and not
    in the room get a notice.
    """

    room_id: int
    message_id: int
    keys: list[str]
    everybody: bool = False


class FiltersChanged(msgspec.Struct, tag="filters"):
    """The phrases that messages are checked for were changed."""


Control = UsersChanged | RoomChanged | Notification | Notifications | MemberAdded | Mentioned | FiltersChanged
_decoder: msgspec.json.Decoder[Control] = msgspec.json.Decoder(Control)


def event(control: Control) -> Event:
    return Event(topics.CONTROL, msgspec.json.encode(control))


def decode(payload: bytes) -> Control:
    return _decoder.decode(payload)
