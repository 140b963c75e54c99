"""Messages between processes: whose rights, or which room, may have changed, and what is for one user."""

from collections.abc import Mapping
from typing import Any

import msgspec

from rooms.live import topics
from rooms.live.events import Encoded, Event


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


def notify(connections: Mapping[str, Any], key: str, frame: Encoded, besides: int = 0) -> None:
    """Sends a frame to each of these connections that is this user's and not in the room `besides`."""
    for connection in list(connections.values()):
        is_theirs = connection.identity is not None and connection.identity.key == key
        if is_theirs and not (besides and any(room.room_id == besides for room in connection.rooms.values())):
            connection.offer(frame, ephemeral=True)


Control = UsersChanged | RoomChanged | Notification
_decoder: msgspec.json.Decoder[Control] = msgspec.json.Decoder(UsersChanged | RoomChanged | Notification)


def event(control: Control) -> Event:
    return Event(topics.CONTROL, msgspec.json.encode(control))


def decode(payload: bytes) -> Control:
    return _decoder.decode(payload)
