"""What is decided about people in a room: kicks, mutes, bans, roles, memberships.

Each change takes the room's lock, is noted, and acts on open connections after the commit. A person's own commands go
through `moderate`, which knows who may; the other functions are for what has decided that already.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from rooms import access, people, storage
from rooms.access import Action, rank
from rooms.callers import Actor, roles
from rooms.errors import BadFrame, Conflict, Forbidden, NoSuchUser
from rooms.live import control, topics
from rooms.live.control import Notification
from rooms.live.events import Event
from rooms.models import Membership, Room
from rooms.protocol.codec import encode
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.moderation import MemberUpdated
from rooms.protocol.rules import timestamp
from rooms.services import audit
from rooms.services.publishing import publish_after_commit
from rooms.services.rights import announce
from rooms.storage import RoomAccess

User: Any = get_user_model()
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
NEEDS = {
    "kick": Action.KICK,
    "mute": Action.MUTE,
    "unmute": Action.MUTE,
    "ban": Action.BAN,
    "unban": Action.BAN,
    "remove": Action.REMOVE,
    "role": Action.SET_ROLE,
}
ANYBODY = (Room.Kind.PUBLIC, Room.Kind.OBJECT)  # kinds of rooms in which one need not be a member


def moderate(
    *,
    actor: Actor,
    name: str,
    username: str,
    action: str,
    minutes: int | None = None,
    role: str | None = None,
    reason: str = "",
) -> None:
    """Does what a command asks for. Raises NoSuchRoom, Banned, Forbidden, NoSuchUser, Conflict, BadFrame."""
    if (action == "role") != (role is not None):
        raise BadFrame("`role` names the role that the action `role` gives")
    target_id = people.find(username)
    is_self = target_id is not None and target_id == actor.user_id
    room = access.authorize(actor, name, Action.READ if is_self and role else NEEDS[action])
    with transaction.atomic():
        _lock(room.room_id)
        target = known_target(room, target_id)
        if is_self:
            _check_self(target, role)
        else:
            check_rank(actor, room, target_id, target)
        act(
            actor=actor, room_id=room.room_id, user_id=target_id, action=action, until=ends_at(minutes), role=role,
            reason=reason,
        )  # fmt: skip


def known_target(room: RoomAccess, user_id: Any) -> RoomAccess:
    """The room as another person has it. NoSuchUser: there is no such person, or none that those in it know of."""
    found = storage.access_by_id(user_id=user_id, room_id=room.room_id) if user_id is not None else None
    is_known = room.kind in ANYBODY or Membership.objects.filter(room_id=room.room_id, user_id=user_id).exists()
    if found is None or not is_known:
        raise NoSuchUser
    return found


def check_rank(actor: Actor, own: RoomAccess, target_id: Any, target: RoomAccess) -> None:
    """Raises Forbidden unless the person's rank in this room is below one's own."""
    theirs = rank(target.role, roles(User._base_manager.get(pk=target_id)))  # noqa: SLF001 - Django's own, of all users
    if theirs >= rank(own.role, actor.roles):
        raise Forbidden("Nobody acts on an equal or higher rank")


def _check_self(own: RoomAccess, role: str | None) -> None:
    """One may only lower one's own role."""
    if role is None or own.role is None or rank(role) >= rank(own.role):
        raise Forbidden("Nobody does this to themselves")


def ends_at(minutes: int | None) -> datetime:
    return FOREVER if minutes is None else timezone.now() + timedelta(minutes=minutes)


def act(
    *,
    actor: Actor,
    room_id: int,
    user_id: Any,
    action: str,
    until: datetime = FOREVER,
    role: str | None = None,
    reason: str = "",
) -> None:
    """The same for whoever has decided it already, such as the site's own code. Raises NoSuchUser, Conflict."""
    with transaction.atomic():
        _lock(room_id)
        before = storage.access_by_id(user_id=user_id, room_id=room_id)
        if before is None or before.username is None or (action == "remove" and before.role is None):
            raise NoSuchUser
        values = CHANGES[action](until, role, reason)
        _keep_an_owner(before, values.get("role", before.role))
        _write(room_id, user_id, {"role": Membership.Role.NONE}, values)
        details = {"role": role, "before": before.role} if role else {}
        if action in ("mute", "ban"):
            details["until"] = timestamp(until)
        audit.record(actor, action, room=before, target_id=user_id, reason=reason, **details)
        _publish(room_id, user_id, removed=action == "remove", kicked=action == "kick")


Change = Callable[[datetime, str | None, str], dict[str, Any]]
CHANGES: dict[str, Change] = {
    "kick": lambda _until, _role, _reason: {"kicked_at": timezone.now()},
    "mute": lambda until, _role, _reason: {"muted_until": until},
    "unmute": lambda _until, _role, _reason: {"muted_until": None},
    "ban": lambda until, _role, reason: {"banned_until": until, "ban_reason": reason[:500]},
    "unban": lambda _until, _role, _reason: {"banned_until": None, "ban_reason": ""},
    "remove": lambda _until, _role, _reason: {"role": Membership.Role.NONE, "kicked_at": timezone.now()},
    "role": lambda _until, role, _reason: {"role": role},
}


def _keep_an_owner(before: RoomAccess, role: str | None) -> None:
    """Raises Conflict when the room would lose its last owner."""
    is_owner = before.role == Membership.Role.OWNER
    if is_owner and role != Membership.Role.OWNER and _owners(before.room_id) == 1:
        raise Conflict("A room keeps its last owner")


def is_last_owner(membership: Membership) -> bool:
    stored = Membership.objects.filter(pk=membership.pk, role=Membership.Role.OWNER)
    return stored.exists() and _owners(membership.room_id) == 1


def _owners(room_id: int) -> int:
    return Membership.objects.filter(room_id=room_id, role=Membership.Role.OWNER).count()


# --- By the code that has decided -------------------------------------------------------------------------------------
def ban(*, room_id: int, user_id: Any, until: datetime | None, reason: str = "") -> None:
    """Keeps a user out of a room until then; with None lets them in again. Not in the audit log."""
    _set(room_id, user_id, {"role": Membership.Role.NONE}, {"banned_until": until, "ban_reason": reason[:500]})


def mute(*, room_id: int, user_id: Any, until: datetime | None) -> None:
    """Lets a user only read until then; with None lets them write again. Not in the audit log.

    Waits for no room's lock: the word filter mutes in the transaction that stores messages.
    """
    with transaction.atomic():
        _write(room_id, user_id, {"role": Membership.Role.NONE}, {"muted_until": until})
        _publish(room_id, user_id)


def set_membership(*, room_id: int, user_id: Any, actor: Actor | None = None, **values: Any) -> Membership:
    """Creates a membership, or updates only these fields of it: `read_seq` may move meanwhile. Raises Conflict.

    With an `actor` it is in the audit log.
    """
    with transaction.atomic():
        _lock(room_id)
        before = storage.access_by_id(user_id=user_id, room_id=room_id)
        if before is not None:
            _keep_an_owner(before, values.get("role", before.role))
        if actor is not None:
            details = {field: str(value) for field, value in values.items() if value is not None}
            audit.record(actor, "membership", room=before, target_id=user_id, **details)
        return _set(room_id, user_id, {}, values)


def remove_member(*, room_id: int, user_id: Any, actor: Actor | None = None) -> None:
    """Deletes a membership and all that was decided about its user here. Raises Conflict."""
    with transaction.atomic():
        _lock(room_id)
        before = storage.access_by_id(user_id=user_id, room_id=room_id)
        if before is not None:
            _keep_an_owner(before, None)
        if actor is not None:
            audit.record(actor, "remove", room=before, target_id=user_id)
        Membership.objects.filter(room_id=room_id, user_id=user_id).delete()
        _publish(room_id, user_id, removed=True)


def _set(room_id: int, user_id: Any, created: dict[str, Any], values: dict[str, Any]) -> Membership:
    with transaction.atomic():
        _lock(room_id)
        membership = _write(room_id, user_id, created, values)
        _publish(room_id, user_id)
    return membership


def _lock(room_id: int) -> None:
    """Locks the room's row, and has the write queues decide anew about what they have not stored."""
    Room.objects.filter(pk=room_id).update(access_version=F("access_version") + 1)


def _write(room_id: int, user_id: Any, created: dict[str, Any], values: dict[str, Any]) -> Membership:
    """`created` are fields of a row that is made now."""
    membership, _ = Membership.objects.update_or_create(
        room_id=room_id, user_id=user_id, defaults=values, create_defaults={**created, **values}
    )
    return membership


# --- Who hears of it --------------------------------------------------------------------------------------------------
def _publish(room_id: int, user_id: Any, *, removed: bool = False, kicked: bool = False) -> None:
    """Tells the room and the person's own connections, and has these checked again."""
    state = storage.access_by_id(user_id=user_id, room_id=room_id)
    if state is not None:
        frame = encode(member_frame(state, user_id, removed=removed, kicked=kicked))
        notice = Notification(str(user_id), frame.decode(), besides=room_id)
        publish_after_commit(lambda: [control.event(notice), Event(topics.of_room(room_id), frame)])
    announce([user_id])


def member_frame(state: RoomAccess, user_id: Any, *, removed: bool = False, kicked: bool = False) -> MemberUpdated:
    """What somebody is in a room now."""
    shown = people.lookup([user_id]).get(user_id, people.Shown(state.username or ""))
    return MemberUpdated(
        room_id=state.name,
        user=UserRef(str(user_id), shown.name, shown.avatar),
        role=state.role,
        muted_until=lasting(state.muted_until),
        banned_until=lasting(state.banned_until),
        removed=removed or None,
        kicked=kicked or None,
    )


def lasting(until: datetime | None) -> str | None:
    """The end of a mute or a ban, as long as it lasts."""
    return timestamp(until) if until is not None and until > timezone.now() else None
