"""All hand-written SQL: typed in, typed out. The reads are the same on both databases; each has a module for posting.

Nothing outside this package has SQL. A contract test runs on both databases.
"""

from types import ModuleType

from django.db import connection

from rooms.storage import postgres, sqlite
from rooms.storage.blocks import blocked_authors
from rooms.storage.members import add_members
from rooms.storage.reads import (
    access_by_id,
    access_by_name,
    changes,
    entry_by_id,
    entry_by_name,
    message,
    page,
    room_head,
    rooms_by_name,
)
from rooms.storage.rows import (
    NewMessage,
    Placed,
    PostContext,
    Repeated,
    RoomAccess,
    RoomEntry,
    RoomHead,
    StoredMessage,
)

__all__ = [
    "NewMessage", "Placed", "PostContext", "Repeated", "RoomAccess", "RoomEntry", "RoomHead", "StoredMessage",
    "access_by_id", "access_by_name", "add_members", "blocked_authors", "changes", "dialect", "entry_by_id",
    "entry_by_name", "message", "page", "room_head", "rooms_by_name",
]  # fmt: skip


def dialect() -> ModuleType:
    """The module that posts on this database: `posting`, `lookup`, `store`."""
    return postgres if connection.vendor == "postgresql" else sqlite
