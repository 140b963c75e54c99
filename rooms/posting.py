"""Posting a list of messages inside one transaction: who may, what is stored already, and which seq each one gets.

Called by rooms.services, which opens the transaction and publishes.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from chatsite.errors import Banned, ChatError, Forbidden, Muted, NoSuchRoom
from rooms.delivery.journal import Held
from rooms.models import Membership, Message, Room


@dataclass(frozen=True, slots=True)
class NewMessage:
    room_id: int
    author_id: int
    content: str
    client_id: str | None = None
    kind: str = Message.Kind.CHAT.value


# What the ORM would ask, without composing each statement anew for every commit: that took over half of a small
# commit's CPU. Each `{}` is a list of values.
ROOMS = "SELECT id, name, kind, last_seq, closed_at IS NOT NULL FROM rooms_room WHERE id IN ({}) ORDER BY id"
AUTHORS = "SELECT id, username FROM accounts_user WHERE is_active AND id IN ({})"
MEMBERSHIPS = (
    "SELECT room_id, user_id, banned_until > {}, muted_until > {} FROM rooms_membership "
    "WHERE room_id IN ({}) AND user_id IN ({})"
)
STORED = "SELECT id FROM rooms_message WHERE author_id IN ({}) AND client_id IN ({})"
LOCK, LOCK_FREE = " FOR NO KEY UPDATE", " FOR NO KEY UPDATE SKIP LOCKED"


def _rows(sql: str, *lists: Collection[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql.format(*(", ".join(["%s"] * len(values)) for values in lists)), list(chain(*lists)))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


class Posting:
    """One transaction's view of what it needs: locked rooms, authors, memberships, and what is stored already."""

    def __init__(self, messages: list[NewMessage], *, wait: bool) -> None:
        """Waits for rooms that others hold, or leaves their messages unstored (Held)."""
        room_ids, author_ids = {message.room_id for message in messages}, {message.author_id for message in messages}
        client_ids = {message.client_id for message in messages if message.client_id}
        self.now = timezone.now()
        self.rooms: dict[int, Room] = {}
        self.closed: set[int] = set()
        self._lock_rooms(room_ids, wait=wait)
        missing = room_ids - self.rooms.keys()
        self.held = set(Room.objects.filter(pk__in=missing).values_list("pk", flat=True)) if missing else set()
        user = get_user_model()
        self.authors = {pk: user(pk=pk, username=username) for pk, username in _rows(AUTHORS, author_ids)}
        now = [connection.ops.adapt_datetimefield_value(self.now)]
        rows = _rows(MEMBERSHIPS, now, now, room_ids, author_ids)
        self.memberships = {(room, user): (banned, muted) for room, user, banned, muted in rows}
        self.stored = _stored(author_ids, client_ids) if client_ids else {}
        self.new: list[Message] = []

    def _lock_rooms(self, room_ids: set[int], *, wait: bool) -> None:
        """On SQLite the transaction itself is the lock."""
        lock = (LOCK if wait else LOCK_FREE) if connection.features.has_select_for_update else ""
        for pk, name, kind, last_seq, closed in _rows(ROOMS + lock, room_ids):
            self.rooms[pk] = Room(pk=pk, name=name, kind=kind, last_seq=last_seq)
            if closed:
                self.closed.add(pk)

    def answer(self, message: NewMessage) -> Message | ChatError:
        key = (message.author_id, message.client_id)
        if message.client_id and (stored := self.stored.get(key)):
            stored.repeated = True
            return stored
        room, author = self.rooms.get(message.room_id), self.authors.get(message.author_id)
        if room is None:
            return Held() if message.room_id in self.held else NoSuchRoom()
        if author is None:
            return Banned()
        if refusal := self._refusal(room, author.pk):
            return refusal
        room.last_seq += 1
        row = Message(
            room=room,
            seq=room.last_seq,
            changed_seq=room.last_seq,
            kind=message.kind,
            author=author,
            content=message.content,
            client_id=message.client_id,
            created_at=self.now,
        )
        self.new.append(row)
        if message.client_id:
            self.stored[key] = row
        return row

    def _refusal(self, room: Room, author_id: int) -> ChatError | None:
        if room.pk in self.closed:
            return Forbidden("This room is closed")
        membership = self.memberships.get((room.pk, author_id))
        if membership is None:
            return None if room.kind == Room.Kind.PUBLIC else NoSuchRoom()
        banned, muted = membership
        if banned:
            return Banned("You are banned from this room")
        return Muted(retry_after_ms=self._muted_ms(room.pk, author_id)) if muted else None

    def _muted_ms(self, room_id: int, author_id: int) -> int:
        until = Membership.objects.values_list("muted_until", flat=True).get(room=room_id, user=author_id)
        return int((until - self.now).total_seconds() * 1000) if until else 0

    def save(self) -> None:
        if not self.new:
            return
        # In one order for all: two who repeat each other's client ids in crossed order would wait for each other.
        Message.objects.bulk_create(sorted(self.new, key=lambda row: (row.author_id or 0, row.client_id or "")))
        heads = [(room.last_seq, pk) for pk, room in self.rooms.items()]
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE rooms_room SET last_seq = %s WHERE id = %s", heads)


def _stored(author_ids: set[int], client_ids: set[str]) -> dict[tuple[int, str | None], Message]:
    """What these authors have stored under these client ids: as a rule nothing."""
    found = [pk for (pk,) in _rows(STORED, author_ids, client_ids)]
    if not found:
        return {}
    messages = Message.objects.filter(pk__in=found).select_related("author", "room")
    return {(message.author_id or 0, message.client_id): message for message in messages}
