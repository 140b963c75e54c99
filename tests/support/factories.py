"""Makes records with as few words as a test needs; every argument left out gets a value of its own."""

import itertools
from typing import Any

from django.contrib.auth.models import Permission

from accounts.models import User
from rooms.models import Message, Room
from rooms.storage import RoomAccess

PASSWORD = "demo-password"
_numbers = itertools.count(1)


def make_user(username: str = "", *, password: str = PASSWORD, **fields: Any) -> User:
    return User.objects.create_user(username or f"user-{next(_numbers)}", password=password, **fields)


def find_permission(name: str) -> Permission:
    """A permission by the name that `has_perm` takes: `chat_rooms.moderate`."""
    label, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=label, codename=codename)


def make_room(name: str = "", **fields: Any) -> Room:
    return Room.objects.create(name=name or f"room-{next(_numbers)}", **fields)


def make_message(room: Room, author: User, content: str = "", **fields: Any) -> Message:
    """One stored message, under the room's next seq."""
    room.last_seq += 1
    room.save(update_fields=["last_seq"])
    seq = {"seq": room.last_seq, "changed_seq": room.last_seq}
    return Message.objects.create(
        room=room, author=author, content=content or f"message {room.last_seq}", **{**seq, **fields}
    )


def make_access(room_id: int, name: str = "", **fields: Any) -> RoomAccess:
    """What somebody may do in a public room; stores nothing."""
    values: dict[str, Any] = {
        "room_id": room_id, "name": name or f"room-{room_id}", "kind": Room.Kind.PUBLIC.value, "last_seq": 0,
        "transient": False, "closed": False, "active": True, "username": "alice", "role": None,
        "banned_until": None, "muted_until": None,
    }  # fmt: skip
    return RoomAccess(**{**values, **fields})
