"""The one rule of who may do what in a room, applied to a `RoomAccess` row by every command, REST route and page."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, cast

from django.utils import timezone

from rooms import hooks, objects, storage
from rooms.conf import conf
from rooms.errors import Banned, ChatError, Forbidden, Muted, NoSuchRoom
from rooms.models import Room
from rooms.protocol.rules import room_name
from rooms.storage import RoomAccess, RoomEntry


class Action(StrEnum):
    READ = "read"  # know of it, enter it, read it
    POST = "post"


def refusal(access: RoomAccess | None, action: Action, now: datetime) -> ChatError | None:
    """What refuses this action at this moment; None: it is allowed."""
    if access is None:
        return NoSuchRoom()
    if not access.active:
        return Banned()
    if access.role is None and access.kind not in (Room.Kind.PUBLIC, Room.Kind.OBJECT):
        return NoSuchRoom()
    if access.banned_until is not None and access.banned_until > now:
        return Banned("You are banned from this room")
    return _may_not_post(access, now) if action is Action.POST else None


def _may_not_post(access: RoomAccess, now: datetime) -> ChatError | None:
    if access.closed:
        return Forbidden("This room is closed")
    if access.muted_until is not None and access.muted_until > now:
        return Muted(retry_after_ms=int((access.muted_until - now).total_seconds() * 1000))
    return None


def room(user_id: Any, name: str) -> RoomAccess:
    """The room of this name for somebody who reads it; raises NoSuchRoom, Banned."""
    found = find_room(user_id, room_name(name))
    if found is None:
        raise NoSuchRoom
    return found


def find_room(user_id: Any, name: str) -> RoomAccess | None:
    """As `room`, but None when no room has this name; a private room of others raises NoSuchRoom."""
    access = storage.access_by_name(user_id=user_id, name=name)
    if access is not None:
        _admit(user_id, access)
    return access


def _admit(user_id: Any, access: RoomAccess | None) -> RoomAccess:
    """Raises what keeps this user from reading the room, by the chat's rules, the object's, and the project's hook."""
    if error := refusal(access, Action.READ, timezone.now()):
        raise error
    found = cast(RoomAccess, access)
    if found.kind == Room.Kind.OBJECT and not objects.may_see(user_id, found.room_id):
        raise NoSuchRoom
    hooks.check_join(user_id, found.room_id)
    return found


def is_leased(access: RoomAccess) -> bool:
    """Whether the project's own code decides who may be in this room: it is asked again at every lease."""
    return access.kind == Room.Kind.OBJECT or conf.CHAT_CAN_JOIN is not None


def entry(user_id: Any, name: str) -> RoomEntry:
    """As `room`, with what a list of rooms shows."""
    found = storage.entry_by_name(user_id=user_id, name=room_name(name))
    return cast(RoomEntry, _admit(user_id, found))


def visible_rooms(user_id: Any, *, after: str = "", limit: int | None = None) -> list[RoomEntry]:
    """The rooms this user may know of, by name, beginning after a name."""
    return list(islice(_visible(user_id, after, limit), limit))


def _visible(user_id: Any, after: str, limit: int | None) -> Iterator[RoomEntry]:
    now = timezone.now()
    while True:
        rooms = storage.rooms_by_name(user_id=user_id, after=after, limit=limit)
        yield from (room for room in rooms if refusal(room, Action.READ, now) is None and _is_listed(user_id, room))
        if limit is None or len(rooms) < limit:
            return
        after = rooms[-1].name


def _is_listed(user_id: Any, room: RoomEntry) -> bool:
    return room.kind != Room.Kind.OBJECT or objects.may_see(user_id, room.room_id)
