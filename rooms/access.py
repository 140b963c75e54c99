"""The one rule of who may do what in a room, applied to a `RoomAccess` row by every command, REST route and page."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from itertools import islice
from math import ceil
from typing import Any, cast

from django.utils import timezone

from rooms import hooks, objects, scopes, storage
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import Banned, ChatError, Closed, Forbidden, Locked, Muted, NoSuchRoom, SlowMode
from rooms.models import Room
from rooms.protocol.rules import room_name
from rooms.storage import RoomAccess, RoomEntry


class Rank(IntEnum):
    """What somebody is in a room; a higher one may do all that a lower one may."""

    VISITOR, MEMBER, MODERATOR, OWNER, ADMIN = range(5)


class Action(StrEnum):
    READ = "read"  # know of it, enter it, read it, see its members
    POST = "post"
    REACT = "react"
    EDIT = "edit"  # one's own message
    DELETE_OWN = "delete-own"  # one's own message
    FOLLOW = "follow"  # become a member
    REPORT = "report"
    MARK = "mark"  # how far one has read, as a member
    INVITE = "invite"
    DELETE = "delete"  # messages of others
    PIN = "pin"  # a message, also of others
    STOP = "stop"  # a message that a bot is writing for somebody else
    SEE_VERSIONS = "see-versions"  # what edited messages said before
    KICK = "kick"
    MUTE = "mute"
    BAN = "ban"
    REMOVE = "remove"  # a member
    UPDATE = "update"  # title, topic, slow mode, lock, invitations
    SET_ROLE = "set-role"
    SET_HISTORY = "set-history"  # what new members see
    CLOSE = "close"


# The lowest rank that may do it. In a private or direct room nobody below a member may do anything.
LOWEST: Mapping[Action, Rank] = {
    Action.READ: Rank.VISITOR,
    Action.POST: Rank.VISITOR,
    Action.REACT: Rank.VISITOR,
    Action.EDIT: Rank.VISITOR,
    Action.DELETE_OWN: Rank.VISITOR,
    Action.FOLLOW: Rank.VISITOR,
    Action.REPORT: Rank.VISITOR,
    Action.MARK: Rank.MEMBER,
    Action.INVITE: Rank.MEMBER,
    Action.DELETE: Rank.MODERATOR,
    Action.PIN: Rank.MODERATOR,  # in a direct room, which has no moderator, everybody there
    Action.STOP: Rank.MODERATOR,
    Action.SEE_VERSIONS: Rank.MODERATOR,
    Action.KICK: Rank.MODERATOR,
    Action.MUTE: Rank.MODERATOR,
    Action.BAN: Rank.MODERATOR,
    Action.REMOVE: Rank.MODERATOR,
    Action.UPDATE: Rank.MODERATOR,
    Action.SET_ROLE: Rank.OWNER,
    Action.SET_HISTORY: Rank.OWNER,
    Action.CLOSE: Rank.OWNER,
}
OPEN_KINDS = (Room.Kind.PUBLIC.value, Room.Kind.OBJECT.value)  # in which one need not be a member
WRITING = frozenset(
    {Action.POST, Action.EDIT, Action.REACT, Action.PIN}
)  # not in a closed room, and not by who is muted
OF_ROLE = {None: Rank.VISITOR, "member": Rank.MEMBER, "moderator": Rank.MODERATOR, "owner": Rank.OWNER}


def rank(role: str | None, site_roles: Collection[str] = ()) -> Rank:
    """The rank of a member with this role; a moderator of the site is one in every room, an admin stands above all."""
    if "admin" in site_roles:
        return Rank.ADMIN
    return max(OF_ROLE[role], Rank.MODERATOR if "moderator" in site_roles else Rank.VISITOR)


def refusal(
    access: RoomAccess | None, action: Action, now: datetime, site_roles: Collection[str] = ()
) -> ChatError | None:
    """What refuses this action at this moment; None: it is allowed. A room that the caller's token does not open is as
    one that is not there.
    """
    if access is None or (access.role is None and access.kind not in OPEN_KINDS) or _is_closed_to_token(access):
        return NoSuchRoom()
    if not access.active or _is_future(access.server_banned_until, now):
        return Banned()
    if _is_future(access.banned_until, now):
        reason = f": {access.ban_reason}" if access.ban_reason else ""
        return Banned(f"You are banned from this room{reason}")
    lowest = Rank.MEMBER if action is Action.PIN and access.kind == Room.Kind.DIRECT else LOWEST[action]
    if lowest > Rank.VISITOR and rank(access.role, site_roles) < lowest:
        return Forbidden()
    return _may_not_write(access, action, now, site_roles) if action in WRITING else None


def _is_closed_to_token(access: RoomAccess) -> bool:
    scope = scopes.current()
    return scope is not None and not scope.admits(access.room_id, is_member=access.role is not None)


def _is_future(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment > now


def _may_not_write(access: RoomAccess, action: Action, now: datetime, site_roles: Collection[str]) -> ChatError | None:
    if access.closed:
        return Closed()
    if access.muted_until is not None and access.muted_until > now:
        return Muted(retry_after_ms=ceil((access.muted_until - now).total_seconds() * 1000))
    if action in (Action.REACT, Action.PIN):
        return None
    if not (access.locked or access.slow_mode_s) or rank(access.role, site_roles) >= Rank.MODERATOR:
        return None
    if access.locked:
        return Locked()
    return _too_soon(access, now) if action is Action.POST else None


def is_slowed(access: RoomAccess, site_roles: Collection[str]) -> bool:
    """Whether slow mode holds for this user here."""
    return bool(access.slow_mode_s) and rank(access.role, site_roles) < Rank.MODERATOR


def _too_soon(access: RoomAccess, now: datetime) -> SlowMode | None:
    if access.posted_at is None:
        return None
    left_s = (access.posted_at - now).total_seconds() + access.slow_mode_s
    return SlowMode(retry_after_ms=ceil(left_s * 1000)) if left_s > 0 else None


def room(user_id: Any, name: str) -> RoomAccess:
    """The room of this name for somebody who reads it; raises NoSuchRoom, Banned."""
    found = find_room(user_id, room_name(name))
    if found is None:
        raise NoSuchRoom
    return found


def authorize(actor: Actor, name: str, action: Action) -> RoomAccess:
    """The room of this name, in which this person may do this now; raises what refuses it."""
    found = room(actor.user_id, name)
    if error := refusal(found, action, timezone.now(), actor.roles):
        raise error
    return found


def admin(actor: Actor) -> Actor:
    """Who may act on the whole chat; raises Forbidden."""
    scopes.check_whole_chat()
    if "admin" not in actor.roles:
        raise Forbidden("Admin permission required")
    return actor


def find_room(user_id: Any, name: str) -> RoomAccess | None:
    """As `room`, but None when no room has this name; a private room of others raises NoSuchRoom."""
    access = storage.access_by_name(user_id=user_id, name=name)
    if access is not None:
        _admit(user_id, access)
    return access


def is_hidden(user_id: Any, room_id: int) -> bool:
    """Whether this user may not know that there is this room."""
    access = storage.access_by_id(user_id=user_id, room_id=room_id)
    if isinstance(refusal(access, Action.READ, timezone.now()), NoSuchRoom):
        return True
    return cast(RoomAccess, access).kind == Room.Kind.OBJECT and not objects.may_see(user_id, room_id)


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


def entry_by_id(user_id: Any, room_id: int) -> RoomEntry:
    """The same by its key; raises NoSuchRoom, Banned."""
    return cast(RoomEntry, _admit(user_id, storage.entry_by_id(user_id=user_id, room_id=room_id)))


def visible_rooms(user_id: Any, *, after: str = "", limit: int | None = None) -> list[RoomEntry]:
    """The rooms this user may know of, by name, beginning after a name."""
    return list(islice(_visible(user_id, after, limit), limit))


def _visible(user_id: Any, after: str, limit: int | None) -> Iterator[RoomEntry]:
    now = timezone.now()
    while True:
        rooms = storage.rooms_by_name(user_id=user_id, after=after, limit=limit)
        yield from (room for room in rooms if refusal(room, Action.READ, now) is None and is_listed(user_id, room))
        if limit is None or len(rooms) < limit:
            return
        after = rooms[-1].name


def is_listed(user_id: Any, room: RoomAccess) -> bool:
    """Whether the object of a room, if it has one, lets the user know of it."""
    return room.kind != Room.Kind.OBJECT or objects.may_see(user_id, room.room_id)
