"""Makes records with as few words as a test needs; every argument left out gets a value of its own."""

import itertools
from typing import Any

from accounts.models import User
from rooms.models import Message, Room

PASSWORD = "demo-password"
_numbers = itertools.count(1)


def make_user(username: str = "", *, password: str = PASSWORD, **fields: Any) -> User:
    return User.objects.create_user(username or f"user-{next(_numbers)}", password=password, **fields)


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
