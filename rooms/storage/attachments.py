"""The files of messages of a page, by one statement for all of them."""

from collections.abc import Collection
from typing import Protocol

from django.db import connection

from rooms.addresses import address
from rooms.models import Attachment
from rooms.protocol.frames.attachments import Attachment as AttachmentFrame
from rooms.storage.columns import column, columns, table
from rooms.storage.rows import Row, read


class File(Protocol):
    """What a frame says of a file: a row of the model, or one that was listed here."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def content_type(self) -> str: ...
    @property
    def width(self) -> int | None: ...
    @property
    def height(self) -> int | None: ...
    @property
    def thumbnail_path(self) -> str: ...


class Listed(Row, frozen=True):
    message_id: int
    id: str
    name: str
    size: int
    content_type: str
    width: int | None
    height: int | None
    thumbnail_path: str


SOURCES = {field: column(Attachment, field) for field in Listed.__struct_fields__ if field != "message_id"}
SOURCES["message_id"] = column(Attachment, "message")
STATEMENT = f"""
    SELECT {columns(Listed, SOURCES)} FROM {table(Attachment)}
    WHERE {SOURCES["message_id"]} IN ({{messages}}) ORDER BY {SOURCES["message_id"]}, {column(Attachment, "place")}
"""


def attachments(message_ids: Collection[int]) -> dict[int, list[AttachmentFrame]]:
    """The files of each of these messages that has any, in their order."""
    statement = STATEMENT.format(messages=", ".join(["%s"] * len(message_ids)))
    with connection.cursor() as cursor:
        cursor.execute(statement, list(message_ids))
        rows = read(Listed, cursor.fetchall())
    found: dict[int, list[AttachmentFrame]] = {}
    for row in rows:
        found.setdefault(row.message_id, []).append(attachment_frame(row))
    return found


def attachment_frame(file: File) -> AttachmentFrame:
    """A file as frames carry it. Its addresses are paths: who may read it is asked when they are opened."""
    shown = file.name if file.name != "thumbnail" else "file"  # that path is another's
    return AttachmentFrame(
        id=file.id,
        name=file.name,
        size=file.size,
        content_type=file.content_type,
        url=address("api-attachment", file.id, shown),
        thumbnail_url=address("api-thumbnail", file.id) if file.thumbnail_path else None,
        width=file.width,
        height=file.height,
    )
