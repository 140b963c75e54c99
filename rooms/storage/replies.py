"""What messages answer, and how many answer them: each by one statement for a whole page."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection

from rooms import people
from rooms.models import Message
from rooms.protocol.frames.base import DELETED_USER, UserRef
from rooms.protocol.frames.replies import EXCERPT_CHARS, ReplyTo
from rooms.storage.columns import MESSAGE, MESSAGE_SOURCES, USER, USER_ID, column, columns
from rooms.storage.rows import Row, StoredMessage, UserKey, read


class Quoted(Row, frozen=True):
    """A message that others answer."""

    id: int
    room_id: int
    seq: int
    root: int | None
    author_id: UserKey | None
    username: str | None
    excerpt: str
    deleted_at: datetime | None
    kind: str

    @property
    def root_id(self) -> int:
        """The first message of its thread, which may be itself."""
        return self.root or self.id


ID, ROOT, SEQ = column(Message, "id"), column(Message, "root"), column(Message, "seq")
SOURCES = MESSAGE_SOURCES | {"excerpt": f"substr({column(Message, 'content')}, 1, {EXCERPT_CHARS})"}
QUOTED = f"""
    SELECT {columns(Quoted, SOURCES)} FROM {MESSAGE} LEFT JOIN {USER} ON {USER_ID} = {column(Message, "author")}
    WHERE {ID} IN ({{messages}})
"""
COUNTS = f"""
    SELECT {ROOT}, count(*), max({SEQ}) FROM {MESSAGE}
    WHERE {ROOT} IN ({{messages}}) AND {column(Message, "deleted_at")} IS NULL GROUP BY {ROOT}
"""


def quoted(message_ids: Collection[int]) -> dict[int, Quoted]:
    """Those of these messages that are there."""
    with connection.cursor() as cursor:
        cursor.execute(QUOTED.format(messages=_places(message_ids)), list(message_ids))
        return {row.id: row for row in read(Quoted, cursor.fetchall())}


def reply_counts(root_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """How many messages are in the threads of these, and the seq of the last one, where there are any."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS.format(messages=_places(root_ids)), list(root_ids))
        return {root: (count, seq) for root, count, seq in cursor.fetchall()}


def quotes(messages: Collection[StoredMessage], *, above: int = 0) -> dict[int, ReplyTo]:
    """What each of these messages answers, by its own key; up to the seq `above` it is hidden from the reader."""
    replies = [message for message in messages if message.reply_to is not None]
    found = quoted({message.reply_to for message in replies if message.reply_to is not None})
    authors = {one.author_id for one in found.values() if one.author_id is not None} if people.by_function() else set()
    shown = people.lookup(authors) if authors else {}
    return {message.id: quote(message, found.get(message.reply_to or 0), shown, above=above) for message in replies}


def quote(
    message: StoredMessage, answered: Quoted | None, shown: dict[UserKey, people.Shown], *, above: int = 0
) -> ReplyTo:
    """What a message answers, as frames carry it."""
    ids: dict[str, Any] = {"message_id": str(message.reply_to), "root_id": str(message.root)}
    if answered is None:
        return ReplyTo(**ids, deleted=True)
    if answered.seq <= above:
        return ReplyTo(**ids, seq=answered.seq)
    user = UserRef("0", DELETED_USER)
    if answered.username is not None:
        person = shown.get(answered.author_id, people.Shown(answered.username))
        user = UserRef(str(answered.author_id), person.name, person.avatar)
    if answered.deleted_at:
        return ReplyTo(**ids, seq=answered.seq, user=user, deleted=True)
    return ReplyTo(**ids, seq=answered.seq, user=user, excerpt=answered.excerpt)


def _places(values: Collection[int]) -> str:
    return ", ".join(["%s"] * len(values))
