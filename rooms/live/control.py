"""Messages between processes: whose rights, or which room, may have changed."""

import msgspec

from rooms.live import topics
from rooms.live.events import Event


class UsersChanged(msgspec.Struct, tag="users"):
    """The rights of these users may have changed: their open connections are re-checked."""

    keys: list[str]


class RoomChanged(msgspec.Struct, tag="room"):
    """This room was removed, or is not for everybody any more: its members are re-checked."""

    room_id: int


Control = UsersChanged | RoomChanged
_decoder: msgspec.json.Decoder[Control] = msgspec.json.Decoder(UsersChanged | RoomChanged)


def event(control: Control) -> Event:
    return Event(topics.CONTROL, msgspec.json.encode(control))


def decode(payload: bytes) -> Control:
    return _decoder.decode(payload)
