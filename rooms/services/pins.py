"""Pinned messages: set by moderators, in direct rooms by everybody there, taken away by the same, and read.

A pin is a change of its message. How many a room has is counted under its lock.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone

from rooms import access, storage
from rooms.access import Action
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import Closed, Conflict, NoSuchMessage
from rooms.models import Message, Room
from rooms.protocol.commands.history import HISTORY_MAX
from rooms.services import audit, blocks, changes, messages, system_messages
from rooms.services.changes import MessageFrame, Values, message_frame
from rooms.storage import StoredMessage


def pin_message(*, actor: Actor, name: str, message_id: str, on: bool = True) -> StoredMessage:
    """Pins a message, or takes its pin away; answers it as it is now.

    Raises NoSuchRoom, Banned, Forbidden, Closed, Muted, Blocked, NoSuchMessage, Conflict for too many.
    """
    room = access.authorize(actor, name, Action.PIN)
    blocks.check_direct(room, actor)
    return set_pinned(actor=actor, message=messages.find(room, message_id), on=on)


def set_pinned(*, actor: Actor, message: StoredMessage, on: bool = True) -> StoredMessage:
    """The same for who has decided it already; what is so already changes nothing.

    Raises NoSuchMessage, Closed, Conflict.
    """
    is_changed = False

    def values(row: Message, _seq: int) -> Values:
        nonlocal is_changed
        is_changed = (row.pinned_at is not None) != on
        if is_changed:
            _require_open(row.room_id)
        if is_changed and on:
            _require_place(row.room_id)
        return {"pinned_at": timezone.now() if on else None} if is_changed else {}

    with transaction.atomic():
        changed = changes.change(message.id, values)
        if changed is None:
            raise NoSuchMessage
        if is_changed:
            details: dict[str, Any] = {"messageId": str(message.id), "seq": message.seq}
            room = Room.objects.get(pk=message.room_id)
            audit.record(actor, "pin" if on else "unpin", room=room, target_id=message.author_id, **details)
        if is_changed and on:
            system_messages.add(message.room_id, actor, "message-pinned", message_id=str(message.id), seq=message.seq)
    return changed


def _require_open(room_id: int) -> None:
    """Raises Closed in a closed room, where nothing is changed; its row must be locked."""
    if Room.objects.filter(pk=room_id, closed_at__isnull=False).exists():
        raise Closed


def _require_place(room_id: int) -> None:
    """Raises Conflict when the room has as many pins as it takes; its row must be locked."""
    limit = conf.CHAT_MAX_PINS
    if 0 < limit <= Message.objects.filter(room_id=room_id, pinned_at__isnull=False).count():
        raise Conflict(f"A room has {limit} pinned messages at most")


def page(*, actor: Actor, name: str, limit: int, before: int | None = None) -> list[MessageFrame]:
    """A page of the pinned messages of a room, in the order of their seq; raises NoSuchRoom, Banned."""
    room = access.authorize(actor, name, Action.READ)
    rows = storage.pins(room_id=room.room_id, limit=min(limit, HISTORY_MAX), before=before, above=room.visible_from_seq)
    return [message_frame(message) for message in rows]
