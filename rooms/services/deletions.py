"""Deleting messages: one, or many by one change of the room.

Many take one seq and one event, however many they are: the messages keep their own `changed_seq`, and the change is a
row beside them, which whoever resumes or repairs a gap finds at its seq.
"""

from typing import Any

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from rooms import access, people, signals, storage
from rooms.access import Action, refusal
from rooms.callers import Actor
from rooms.errors import BadFrame, NoSuchRoom
from rooms.models import BulkDeletion, Message, Room
from rooms.services import audit, changes, messages
from rooms.services.moderation import check_rank, known_target
from rooms.services.publishing import publish_after_commit
from rooms.storage import StoredMessage

ROWS_AT_ONCE = 500  # erased in one transaction: other writers wait for some milliseconds at most


class Deleted(msgspec.Struct, frozen=True):
    """How many messages were deleted, and the room's seq of that."""

    count: int
    changed_seq: int


def delete_message(*, actor: Actor, name: str, message_id: str, reason: str = "") -> StoredMessage:
    """Deletes one's own message, or as a moderator anybody's; answers what remains of it.

    One that is deleted already stays as it is. Raises NoSuchRoom, Banned, Forbidden, NoSuchMessage.
    """
    room = access.authorize(actor, name, Action.DELETE_OWN)
    found = messages.find(room, message_id, deleted=True)
    if found.author_id != actor.user_id and (error := refusal(room, Action.DELETE, timezone.now(), actor.roles)):
        raise error
    erase(actor=actor, message=found, reason=reason)
    return storage.message(message_id=found.id) or found


def erase(*, actor: Actor, message: StoredMessage, reason: str = "") -> bool:
    """The same for whoever has decided it already; False when it is deleted already."""
    with transaction.atomic():
        deleted = changes.delete_message(message_id=message.id, by_id=actor.user_id)
        if deleted:
            room = Room.objects.get(pk=message.room_id)
            details = {"messageId": str(message.id), "seq": message.seq}
            audit.record(
                actor, "delete-message", room=room, target_id=message.author_id, reason=reason, **details
            )  # fmt: skip
    return deleted


def erase_file(*, actor: Actor, message_id: int, attachment_id: str, reason: str = "") -> bool:
    """Deletes one file of a message, which stays, for whoever has decided it; False when it is deleted already."""
    with transaction.atomic():
        changed = changes.remove_file(message_id=message_id, attachment_id=attachment_id)
        if changed is not None:
            room = Room.objects.get(pk=changed.room_id)
            details = {"messageId": str(message_id), "file": attachment_id}
            audit.record(actor, "delete-file", room=room, target_id=changed.author_id, reason=reason, **details)
    return changed is not None


def delete_messages(
    *, actor: Actor, name: str, username: str | None = None, message_ids: list[str] | None = None, reason: str = ""
) -> Deleted:
    """Deletes all that a person of a lower rank wrote in a room, or the messages of a list that are there.

    Raises NoSuchRoom, Banned, Forbidden, NoSuchUser, BadFrame.
    """
    if (username is None) == (message_ids is None):
        raise BadFrame("Either `username` or `messageIds`")
    room = access.authorize(actor, name, Action.DELETE)
    if username is None:
        return erase_list(
            actor=actor, room_id=room.room_id, ids=[messages.key(one) or 0 for one in message_ids or ()], reason=reason
        )
    user_id = people.find(username)
    target = known_target(room, user_id)
    if user_id != actor.user_id:
        check_rank(actor, room, user_id, target)
    return erase_all_of(actor=actor, room_id=room.room_id, user_id=user_id, reason=reason)


def erase_list(*, actor: Actor, room_id: int, ids: list[int], reason: str = "") -> Deleted:
    """Erases these messages of a room, in one transaction."""
    with transaction.atomic():
        room = _locked(room_id)
        rows = _deletable(room_id).filter(pk__in=ids)
        keys = list(rows.order_by("seq").values_list("pk", flat=True))
        if not keys:
            return Deleted(0, room.last_seq)
        _erase(rows, keys, actor)
        return _finish(actor, room, keys, len(keys), reason=reason)


def erase_all_of(*, actor: Actor, room_id: int, user_id: Any, reason: str = "") -> Deleted:
    """Erases all that a user wrote in a room: in steps what is there, and with the change what has come meanwhile.

    The members are sent it when nobody can read any of it any more. After an interruption it is to be done again.
    """
    edge = Room.objects.values_list("last_seq", flat=True).filter(pk=room_id).first()
    if edge is None:
        raise NoSuchRoom
    theirs = _deletable(room_id).filter(author_id=user_id)
    keys = list(theirs.filter(seq__lte=edge).values_list("pk", flat=True))
    for start in range(0, len(keys), ROWS_AT_ONCE):
        with transaction.atomic():
            _erase(theirs, keys[start : start + ROWS_AT_ONCE], actor)
    with transaction.atomic():
        room = _locked(room_id)
        late = list(theirs.filter(seq__gt=edge).values_list("pk", flat=True))
        _erase(theirs, late, actor)
        return _finish(actor, room, [*keys, *late], len(keys) + len(late), user_id=user_id, reason=reason)


def _deletable(room_id: int) -> QuerySet[Message]:
    """What people have written: what the room itself says stays."""
    return Message.objects.filter(room_id=room_id, deleted_at=None).exclude(kind=changes.SYSTEM)


def _locked(room_id: int) -> Room:
    room = Room.objects.select_for_update().filter(pk=room_id, removed_at=None).first()
    if room is None:
        raise NoSuchRoom
    return room


def _erase(rows: QuerySet[Message], keys: list[int], actor: Actor) -> None:
    changes.erase_kept(keys)
    rows.filter(pk__in=keys).update(**changes.ERASED, deleted_at=timezone.now(), deleted_by_id=actor.user_id)


def _finish(actor: Actor, room: Room, keys: list[int], count: int, *, user_id: Any = None, reason: str) -> Deleted:
    """Takes the room's next seq for the deletion, notes it, and publishes it after the commit."""
    seq = room.last_seq + 1
    Room.objects.filter(pk=room.pk).update(last_seq=seq)
    key, ids = ("", keys) if user_id is None else (str(user_id), [])
    BulkDeletion.objects.create(room=room, changed_seq=seq, user_key=key, message_ids=ids, by_id=actor.user_id)
    audit.record(actor, "delete-messages", room=room, target_id=user_id, reason=reason, count=count, changedSeq=seq)
    [deleted] = storage.bulk_deletions(room_id=room.pk, after=seq - 1, up_to=seq)
    publish_after_commit(lambda: [changes.bulk_event(room.pk, room.name, deleted)])
    signals.send_after_commit(signals.messages_deleted, room=room, message_ids=keys)
    return Deleted(count, seq)
