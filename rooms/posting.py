"""Posting a list of messages inside one transaction: who may, what is stored already, and which seq each one gets.

Called by rooms.services, which opens the transaction and publishes.
"""

from dataclasses import dataclass

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


class Posting:
    """One transaction's view of what it needs: locked rooms, authors, memberships, and what is stored already."""

    def __init__(self, messages: list[NewMessage], *, wait: bool) -> None:
        """Waits for rooms that others hold, or leaves their messages unstored (Held)."""
        rooms, authors = {message.room_id for message in messages}, {message.author_id for message in messages}
        client_ids = {message.client_id for message in messages if message.client_id}
        self.now = timezone.now()
        free = Room.objects.select_for_update(skip_locked=not wait, no_key=True).filter(pk__in=rooms)
        self.rooms = {room.pk: room for room in free.order_by("pk")}
        missing = rooms - self.rooms.keys()
        self.held = set(Room.objects.filter(pk__in=missing).values_list("pk", flat=True)) if missing else set()
        self.authors = get_user_model().objects.filter(is_active=True).in_bulk(authors)
        memberships = Membership.objects.filter(room__in=rooms, user__in=authors)
        self.memberships = {(membership.room_id, membership.user_id): membership for membership in memberships}
        stored = Message.objects.filter(author__in=authors, client_id__in=client_ids).select_related("author", "room")
        self.stored = {(message.author_id, message.client_id): message for message in stored} if client_ids else {}
        self.new: list[Message] = []

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
        if refusal := self._refusal(room, self.memberships.get((room.pk, author.pk))):
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

    def _refusal(self, room: Room, membership: Membership | None) -> ChatError | None:
        if room.closed_at:
            return Forbidden("This room is closed")
        if membership is None:
            return None if room.kind == Room.Kind.PUBLIC else NoSuchRoom()
        if membership.banned_until and membership.banned_until > self.now:
            return Banned("You are banned from this room")
        if membership.muted_until and membership.muted_until > self.now:
            return Muted(retry_after_ms=int((membership.muted_until - self.now).total_seconds() * 1000))
        return None

    def save(self) -> None:
        if not self.new:
            return
        # In one order for all: two who repeat each other's client ids in crossed order would wait for each other.
        Message.objects.bulk_create(sorted(self.new, key=lambda row: (row.author_id or 0, row.client_id or "")))
        heads = [(room.last_seq, pk) for pk, room in self.rooms.items()]
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE rooms_room SET last_seq = %s WHERE id = %s", heads)
