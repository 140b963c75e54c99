"""Rooms: created, joined, removed."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Model, Q
from django.utils import timezone

from rooms import access, names, objects, scopes, signals
from rooms.errors import BadFrame, Conflict, NoSuchRoom
from rooms.live import control
from rooms.live.control import RoomChanged
from rooms.models import Membership, Message, Room
from rooms.models.keys import MAX_KEY
from rooms.models.rooms import new_epoch
from rooms.protocol.frames.rooms import WholeRoom
from rooms.protocol.rules import room_name, timestamp
from rooms.services.publishing import publish_after_commit
from rooms.storage import RoomAccess, RoomEntry, search

ROWS_AT_ONCE = 500  # deleted in one transaction: other writers wait for some milliseconds at most
TAKEN = "This name is taken"
ONLY_PRIVATE = "Only a private room can hide what was written before"
UNUSED_AFTER = timedelta(minutes=1)


def create_room(
    *,
    user_id: Any,
    name: str,
    title: str = "",
    kind: str = Room.Kind.PUBLIC.value,
    history: str = Room.History.ALL.value,
) -> tuple[Room, bool]:
    """Creates a room that stays, with its creator as owner. Returns it, and False when there was one of this name.

    One that was made by joining becomes the creator's, unless that would hide its messages from their authors.
    Raises Conflict where the name is that of a room that the creator may not know of, and for a room for everybody that
    would hide its history; Forbidden for a token of named rooms.
    """
    scopes.check_new_rooms()
    if history == Room.History.JOINED and kind != Room.Kind.PRIVATE:
        raise Conflict(ONLY_PRIVATE)
    values = {"title": title, "kind": kind, "history": history, "created_by_id": user_id}
    with transaction.atomic():
        room, created = _made(room_name(name), values)
        claimed = not created and room.transient and (kind == Room.Kind.PUBLIC or not room.last_seq)
        if claimed:
            Room.objects.filter(pk=room.pk).update(transient=False, **values)
            room.refresh_from_db()
            publish_after_commit(lambda: [control.event(RoomChanged(room.pk))])
        if created or claimed:
            Membership.objects.update_or_create(room=room, user_id=user_id, defaults={"role": Membership.Role.OWNER})
        if created:
            signals.send_after_commit(signals.room_created, room=room)
    if not (created or claimed) and access.is_hidden(user_id, room.pk):
        raise Conflict(TAKEN)
    return room, created or claimed


def _made(name: str, values: dict[str, Any]) -> tuple[Room, bool]:
    """The room of this name, locked, made if there is none; Conflict when the name of another room looks like it."""
    if max(len(names.key(name)), len(names.shape(name))) > MAX_KEY:
        raise BadFrame("This room name is too long")
    try:
        return Room.objects.select_for_update().get_or_create(name=name, defaults=values)
    except IntegrityError:
        if is_taken(name=name):
            raise Conflict(TAKEN) from None
        raise


def is_taken(*, name: str) -> bool:
    """Whether the name of another room looks like this one, or differs only in case, width or spelling."""
    alike = Q(name_key=names.key(name)) | Q(name_shape=names.shape(name))
    return Room.objects.filter(alike).exclude(name=name).exists()


def room_for(obj: Model, *, permission: str = "") -> Room:
    """The room of this object, made if there is none: `rooms.objects`."""
    room, created = objects.room_of(obj, permission=permission)
    if created:
        signals.send_after_commit(signals.room_created, room=room)
    return room


def enter_room(*, user_id: Any, name: str, before_creating: Callable[[], object] = lambda: None) -> RoomAccess:
    """The room of this name, created as transient if there is none; Banned, Conflict where it is hidden, and what
    forbids to create one. A bot makes no room by joining: NoSuchRoom.
    """
    if scopes.current() is not None:
        return access.room(user_id, name)
    try:
        return _enter(user_id, name, before_creating)
    except NoSuchRoom:
        raise Conflict(TAKEN) from None


def _enter(user_id: Any, name: str, before_creating: Callable[[], object]) -> RoomAccess:
    room = access.find_room(user_id, name)
    if room is None:
        before_creating()
        with transaction.atomic():
            made, created = _made(name, {"transient": True, "created_by_id": user_id})
            if created:
                signals.send_after_commit(signals.room_created, room=made)
        room = access.room(user_id, name)  # another process may have made one that this user may not read
    return room


def whole_room(room: RoomEntry, member_count: int) -> WholeRoom:
    """A room as those see it who accept whole rooms."""
    return WholeRoom(
        id=room.name,
        member_count=member_count,
        title=room.title,
        topic=room.topic,
        kind=room.kind,
        head_seq=room.last_seq,
        slow_mode_s=room.slow_mode_s,
        locked=room.locked,
        closed=room.closed,
        history=room.history,
        created_at=timestamp(room.created_at),
        role=room.role,
        level=room.level if room.role is not None else None,
        link=room.link or None,
    )


def room_names(*, room_ids: Iterable[int]) -> dict[int, str]:
    return dict(Room.objects.filter(pk__in=room_ids).values_list("pk", "name"))


def heads(*, room_ids: Iterable[int]) -> dict[int, int]:
    """The last seq of each of these rooms that is not removed."""
    return dict(Room.objects.filter(pk__in=room_ids, removed_at=None).values_list("pk", "last_seq"))


def renew_epochs() -> int:
    """After a restored backup: no client resumes by a seq that was lost. Returns the number of rooms."""
    return Room.objects.update(epoch=new_epoch())


# --- Rooms that go away -----------------------------------------------------------------------------------------------
def unused_rooms() -> list[int]:
    """Rooms made by joining some time ago that have no messages."""
    unused = Room.objects.filter(transient=True, last_seq=0, created_at__lt=timezone.now() - UNUSED_AFTER)
    return list(unused.values_list("pk", flat=True))


def remove_unused(*, room_id: int, is_empty: Callable[[int], bool]) -> bool:
    """Removes a room made by joining, unless it has messages or members present.

    The row is locked before presence is read, and a joiner is counted before their snapshot locks the row: so they are
    either seen here, or find the room gone and create it again.
    """
    with transaction.atomic():
        room = Room.objects.select_for_update().filter(pk=room_id, transient=True, last_seq=0).first()
        return room is not None and is_empty(room_id) and bool(room.delete())


def remove_room(*, room_id: int) -> None:
    """Hides the room and frees its name; its members leave, its messages are deleted by `purge`."""
    with transaction.atomic():
        Room.objects.filter(pk=room_id, removed_at=None).update(
            removed_at=timezone.now(),
            name=f"~{room_id}",
            name_key=f"~{room_id}",
            name_shape=f"~{room_id}",
            content_type=None,
            object_key=None,
            direct_key=None,
        )
        publish_after_commit(lambda: [control.event(RoomChanged(room_id))])


def removed_rooms() -> list[int]:
    return list(Room.objects.exclude(removed_at=None).values_list("pk", flat=True))


def purge(*, room_id: int) -> bool:
    """Deletes some messages of a removed room, and at last the room; False when nothing is left to do.

    A room that another process is purging now is skipped.
    """
    with transaction.atomic():
        rooms = Room.objects.select_for_update(
            skip_locked=connection.features.has_select_for_update_skip_locked
        ).exclude(removed_at=None)
        room = rooms.filter(pk=room_id).first()
        if room is None:
            return False
        messages = Message.objects.filter(room_id=room_id).order_by("changed_seq")
        if keys := list(messages.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
            Message.objects.filter(pk__in=keys).delete()
            search.unindex(keys)
            return True
        room.delete()
        return False
