"""All hand-written SQL: typed in, typed out. The reads are the same on both databases; each has a module for posting.

Nothing outside this package has SQL. A contract test runs on both databases.
"""

from types import ModuleType

from django.db import connection

from rooms.storage import postgres, sqlite
from rooms.storage.attachments import attachment_frame
from rooms.storage.blocks import blocked_authors
from rooms.storage.deletions import bulk_deletions, message_ids
from rooms.storage.marks import Mark, MarkedRoom, UnreadRoom, marked_rooms, move_marks, unread_rooms
from rooms.storage.members import add_members
from rooms.storage.mentions import (
    Concerning,
    Recipient,
    RoomMember,
    concerning,
    has_name_keys,
    members_by_id,
    members_by_key,
    members_of,
    mentions,
    recipients,
    user_ref,
)
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
    pins,
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
    "BulkDeleted", "Concerning", "Mark", "MarkedRoom", "NewMessage", "Placed", "PostContext", "Quoted", "Recipient",
    "Repeated", "RoomAccess", "RoomEntry", "RoomHead", "RoomMember", "SignInState", "StoredMessage", "UnreadRoom",
    "access_by_id", "access_by_name", "add_members", "attachment_frame", "blocked_authors", "bulk_deletions", "changes",
    "completed", "concerning", "dialect", "entry_by_id", "entry_by_name", "has_name_keys", "marked_rooms",
    "members_by_id", "members_by_key", "members_of", "mentions", "message", "message_ids", "move_marks", "page", "pins",
    "quote", "quoted", "quotes", "reaction_kinds", "reactions", "recipients", "replies", "reply_counts", "room_head",
    "rooms_by_name", "sign_in_state", "unread_rooms", "user_ref",
]  # fmt: skip


def dialect() -> ModuleType:
    """The module that posts on this database: `posting`, `lookup`, `store`."""
    return postgres if connection.vendor == "postgresql" else sqlite
