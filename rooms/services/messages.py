"""Which message of a room a command names."""

from rooms import storage
from rooms.errors import NoSuchMessage
from rooms.storage import RoomAccess, StoredMessage


def find(room: RoomAccess, message_id: str, *, deleted: bool = False) -> StoredMessage:
    """The message of this id that can be read in this room; with `deleted` what remains of a deleted one, too. Nothing
    is done with one of the system.

    Raises NoSuchMessage. Every id that is none costs the same read.
    """
    found = storage.message(message_id=key(message_id) or 0)
    if found is None or found.event is not None or found.room_id != room.room_id or found.seq <= room.visible_from_seq:
        raise NoSuchMessage
    if found.deleted_at and not deleted:
        raise NoSuchMessage
    return found


def key(message_id: str) -> int | None:
    """The key of a message by the id of its frames; None for what is none."""
    is_key = message_id.isascii() and message_id.isdecimal() and len(message_id) < 19
    return int(message_id) if is_key else None
