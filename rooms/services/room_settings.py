"""The settings of a room: title, topic, slow mode, lock, history; closed and opened again, removed."""

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from rooms import access
from rooms.access import Action
from rooms.callers import CODE, Actor
from rooms.errors import BadFrame, Conflict
from rooms.live import topics
from rooms.live.events import Event
from rooms.models import Room
from rooms.protocol.codec import encode
from rooms.protocol.frames.moderation import RoomUpdated
from rooms.protocol.frames.rooms import RoomInfo
from rooms.protocol.rules import timestamp
from rooms.services import audit, system_messages
from rooms.services.publishing import publish_after_commit
from rooms.services.rooms import ONLY_PRIVATE, remove_room

FIELDS = ("title", "topic", "slow_mode_s", "locked", "history")


def update_room(*, actor: Actor, name: str, **values: Any) -> None:
    """Changes what is not None of FIELDS. Raises NoSuchRoom, Banned, Forbidden, BadFrame, Conflict."""
    wanted = {field: value for field, value in values.items() if value is not None}
    if not wanted:
        raise BadFrame("Nothing to change")
    room = access.authorize(actor, name, Action.UPDATE)
    if "history" in wanted:
        access.authorize(actor, name, Action.SET_HISTORY)
        if wanted["history"] == Room.History.JOINED and room.kind != Room.Kind.PRIVATE:
            raise Conflict(ONLY_PRIVATE)
    change_room(actor=actor, room_id=room.room_id, **wanted)


def close_room(*, actor: Actor, name: str, on: bool = True) -> None:
    """From now on the room can only be read; with `on=False` it is opened again."""
    room = access.authorize(actor, name, Action.CLOSE)
    set_closed(actor=actor, room_id=room.room_id, on=on)


# --- For what has decided it already ----------------------------------------------------------------------------------
def change_room(*, actor: Actor, room_id: int, **values: Any) -> None:
    """Changes settings of a room; what is as wanted already changes nothing and is sent to nobody."""
    with transaction.atomic():
        room = Room.objects.select_for_update().filter(pk=room_id, removed_at=None).first()
        if room is None:
            return
        before = {field: getattr(room, field) for field in FIELDS}
        changed = {field: value for field, value in values.items() if before[field] != value}
        if not changed:
            return
        _change(room, changed)
        old = {field: before[field] for field in changed}
        audit.record(actor, "update-room", room=room, before=old, after=changed)
        system_messages.add(room_id, actor, "room-updated", **changed)


def set_closed(*, room_id: int, on: bool = True, actor: Actor = CODE) -> None:
    """Closes a room or opens it again; does nothing to one that is as wanted."""
    with transaction.atomic():
        room = Room.objects.select_for_update().filter(pk=room_id, removed_at=None).first()
        if room is None or (room.closed_at is not None) == on:
            return
        _change(room, {"closed_at": timezone.now() if on else None})
        audit.record(actor, "close-room" if on else "reopen-room", room=room)
        system_messages.add(room_id, actor, "room-updated", closed=on)


def remove(*, actor: Actor, room: Room, reason: str = "") -> None:
    """Hides a room for ever: `rooms.remove_room`."""
    with transaction.atomic():
        audit.record(actor, "remove-room", room=room, reason=reason)
        remove_room(room_id=room.pk)


def _change(room: Room, values: dict[str, Any]) -> None:
    Room.objects.filter(pk=room.pk).update(**values, access_version=F("access_version") + 1)
    room.refresh_from_db()
    frame = encode(RoomUpdated(room=room_info(room)))
    publish_after_commit(lambda: [Event(topics.of_room(room.pk), frame)])


def room_info(room: Room) -> RoomInfo:
    """A room without what differs by reader."""
    return RoomInfo(
        id=room.name,
        title=room.title,
        topic=room.topic,
        kind=room.kind,
        head_seq=room.last_seq,
        slow_mode_s=room.slow_mode_s,
        locked=room.locked,
        closed=room.closed_at is not None,
        history=room.history,
        created_at=timestamp(room.created_at),
    )
