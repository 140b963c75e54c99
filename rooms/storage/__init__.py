"""All hand-written SQL: typed in, typed out. The reads are the same on both databases; each has a module for posting.

Nothing outside this package has SQL. A contract test runs on both databases.
"""

from types import ModuleType

from django.db import connection

from rooms.storage import postgres, sqlite
from rooms.storage.blocks import blocked_authors
from rooms.storage.deletions import bulk_deletions, message_ids
from rooms.storage.marks import Mark, MarkedRoom, UnreadRoom, marked_rooms, move_marks, unread_rooms
from rooms.storage.members import add_members
from rooms.storage.reactions import reaction_kinds, reactions
from rooms.storage.reads import (
    access_by_id,
    access_by_name,
    changes,
    completed,
    entry_by_id,
    entry_by_name,
    message,
    page,
    replies,
    room_head,
    rooms_by_name,
)
from rooms.storage.replies import Quoted, quote, quoted, quotes, reply_counts
from rooms.storage.rows import (
    BulkDeleted,
    NewMessage,
    Placed,
    PostContext,
    Repeated,
    RoomAccess,
    RoomEntry,
    RoomHead,
    SignInState,
    StoredMessage,
)
from rooms.storage.sign_ins import sign_in_state

__all__ = [
    "BulkDeleted", "Mark", "MarkedRoom", "NewMessage", "Placed", "PostContext", "Quoted", "Repeated", "RoomAccess",
    "RoomEntry", "RoomHead", "SignInState", "StoredMessage", "UnreadRoom", "access_by_id", "access_by_name",
    "add_members", "blocked_authors", "bulk_deletions", "changes", "completed", "dialect", "entry_by_id",
    "entry_by_name", "marked_rooms", "message", "message_ids", "move_marks", "page", "quote", "quoted", "quotes",
    "reaction_kinds", "reactions", "replies", "reply_counts", "room_head", "rooms_by_name", "sign_in_state",
    "unread_rooms",
]  # fmt: skip


def dialect() -> ModuleType:
    """The module that posts on this database: `posting`, `lookup`, `store`."""
    return postgres if connection.vendor == "postgresql" else sqlite
