"""Reads of what is beside the messages: bulk deletions of a room."""

from typing import Any

import msgspec
from django.db import connection

from rooms.models import BulkDeletion
from rooms.storage.columns import column, columns, table
from rooms.storage.rows import BulkDeleted, read

SOURCES = {field: column(BulkDeletion, field) for field in ("changed_seq", "user_key")} | {
    "message_ids": f"CAST({column(BulkDeletion, 'message_ids')} AS text)",
    "by_id": column(BulkDeletion, "by"),
}
SINCE = f"""
    SELECT {columns(BulkDeleted, SOURCES)} FROM {table(BulkDeletion)}
    WHERE {column(BulkDeletion, "room")} = %s AND {column(BulkDeletion, "changed_seq")} > %s
    AND {column(BulkDeletion, "changed_seq")} <= %s ORDER BY {column(BulkDeletion, "changed_seq")}
"""


def bulk_deletions(*, room_id: int, after: int, up_to: int) -> list[BulkDeleted]:
    """The bulk deletions of a room between two seqs, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(SINCE, [room_id, after, up_to])
        return read(BulkDeleted, cursor.fetchall())


def message_ids(deleted: BulkDeleted) -> list[Any]:
    """The messages of a bulk deletion that names no user."""
    ids: list[Any] = msgspec.json.decode(deleted.message_ids)
    return ids
