"""Who is named in messages of the system: only keys are stored, and names are read for a whole page at once."""

from collections.abc import Collection
from typing import Any

import msgspec
from django.core.exceptions import ValidationError

from rooms import people
from rooms.protocol.frames.base import DELETED_USER, UserRef
from rooms.protocol.frames.system import RoomEvent
from rooms.storage.rows import StoredMessage


def events(messages: Collection[StoredMessage]) -> dict[int, str]:
    """The events of these messages as JSON, with their people as others see them, by the keys of the messages."""
    found = {one.id: msgspec.json.decode(one.event, type=RoomEvent) for one in messages if one.event is not None}
    keys = {event.user.id: _key(event.user.id) for event in found.values() if event.user is not None}
    shown = people.lookup(key for key in keys.values() if key is not None) if keys else {}
    return {
        message_id: msgspec.json.encode(
            event if event.user is None else msgspec.structs.replace(event, user=_user(event.user.id, keys, shown))
        ).decode()
        for message_id, event in found.items()
    }


def _key(text: str) -> Any:
    """A user's key by its text; None for what is none of this model."""
    try:
        return people.key_field().to_python(text)
    except ValidationError:
        return None


def _user(key: str, keys: dict[str, Any], shown: dict[Any, people.Shown]) -> UserRef:
    person = shown.get(keys[key])
    return UserRef(key, person.name, person.avatar) if person else UserRef("0", DELETED_USER)
