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
    """This frame is for every connection of this user, but those in the room `besides`: they get it with all there."""

    key: str
    frame: str
    besides: int = 0


Control = UsersChanged | RoomChanged | Notification
_decoder: msgspec.json.Decoder[Control] = msgspec.json.Decoder(UsersChanged | RoomChanged | Notification)


def event(control: Control) -> Event:
    return Event(topics.CONTROL, msgspec.json.encode(control))


def decode(payload: bytes) -> Control:
    return _decoder.decode(payload)
