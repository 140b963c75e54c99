"""What is decided about people in a room: kicks, mutes, bans, roles, memberships.

Each change takes the room's lock, is noted, and acts on open connections after the commit. A person's own commands go
through `moderate`, which knows who may; the other functions are for what has decided that already.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from rooms import access, people, storage
from rooms.access import Action, rank
from rooms.callers import CODE, Actor, roles
from rooms.errors import BadFrame, Forbidden, NoSuchUser
from rooms.live import control, topics
from rooms.live.control import Notification
from rooms.live.events import Event
from rooms.models import Membership, Room
from rooms.protocol.codec import encode
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.moderation import MemberUpdated
from rooms.protocol.rules import timestamp
from rooms.services import audit, members, system_messages
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
    rows = Membership.objects.filter(room_id=room.room_id, user_id=user_id)
    if found is None or not (room.kind in access.OPEN_KINDS or rows.exists()):
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
        _change(actor, before, user_id, CHANGES[action](until, role, reason), kicked=action == "kick")
        details = {"role": role, "before": before.role} if role else {}
        if action in ("mute", "ban"):
            details["until"] = timestamp(until)
        audit.record(actor, action, room=before, target_id=user_id, reason=reason, **details)


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


def is_last_owner(membership: Membership) -> bool:
    stored = Membership.objects.filter(pk=membership.pk, role=Membership.Role.OWNER)
    return stored.exists() and not members.has_another_owner(room_id=membership.room_id, user_id=membership.user_id)


# --- By the code that has decided -------------------------------------------------------------------------------------
def ban(*, room_id: int, user_id: Any, until: datetime | None, reason: str = "") -> None:
    """Keeps a user out of a room until then; with None lets them in again. Not in the audit log."""
    with transaction.atomic():
        _lock(room_id)
        _restrict(room_id, user_id, {"banned_until": until, "ban_reason": reason[:500]})
        announce([user_id])


def mute(*, room_id: int, user_id: Any, until: datetime | None) -> None:
    """Lets a user only read until then; with None lets them write again. Not in the audit log."""
    mute_authors({(room_id, user_id): until})


def mute_authors(ends: Mapping[tuple[int, Any], datetime | None]) -> None:
    """The same for several rooms and users.

    Locks no room: the word filter mutes in the transaction that stores messages. The rows are written in one order, so
    that two of these never wait for each other.
    """
    with transaction.atomic():
        for (room_id, user_id), until in sorted(ends.items(), key=lambda end: (end[0][0], str(end[0][1]))):
            _restrict(room_id, user_id, {"muted_until": until})
        announce(user_id for _, user_id in ends)


def set_membership(*, room_id: int, user_id: Any, actor: Actor | None = None, **values: Any) -> Membership:
    """Creates a membership, or updates only these fields of it: `read_seq` may move meanwhile. Raises Conflict.

    With an `actor` it is in the audit log.
    """
    with transaction.atomic():
        _lock(room_id)
        before = storage.access_by_id(user_id=user_id, room_id=room_id)
        if before is None:
            raise NoSuchUser
        if actor is not None:
            details = {field: str(value) for field, value in values.items() if value is not None}
            audit.record(actor, "membership", room=before, target_id=user_id, **details)
        is_known = Membership.objects.filter(room_id=room_id, user_id=user_id).exists()
        values = values if is_known else {"role": Membership.Role.MEMBER, **values}
        return _change(actor or CODE, before, user_id, values)


def delete_membership(*, room_id: int, user_id: Any, actor: Actor) -> None:
    """Ends a membership, and deletes all that was decided about its user here. Raises Conflict."""
    with transaction.atomic():
        _lock(room_id)
        before = storage.access_by_id(user_id=user_id, room_id=room_id)
        if before is None:
            return
        audit.record(actor, "remove", room=before, target_id=user_id)
        _change(actor, before, user_id, CHANGES["remove"](FOREVER, None, ""))
        Membership.objects.filter(room_id=room_id, user_id=user_id).delete()


def _lock(room_id: int) -> None:
    """Locks the room's row, and has the write queues decide again about what they have not stored."""
    Room.objects.filter(pk=room_id).update(access_version=F("access_version") + 1)


def _change(
    actor: Actor, before: RoomAccess, user_id: Any, values: dict[str, Any], *, kicked: bool = False
) -> Membership:
    """Writes what a membership is from now on; whoever becomes a member or ends being one does it as by `members`."""
    room_id, role = before.room_id, values.pop("role", None)
    is_removed = role == Membership.Role.NONE and members.end_membership(room_id=room_id, user_id=user_id)
    if role not in (None, Membership.Role.NONE):
        members.make_member(room_id=room_id, user_id=user_id)
        members.set_role(room_id=room_id, user_id=user_id, role=role)
    membership = _restrict(room_id, user_id, values, removed=is_removed, kicked=kicked)
    if not is_removed:  # which is announced
        announce([user_id])
    now = None if is_removed else before.role if role in (None, Membership.Role.NONE) else role
    _say(actor, before, user_id, now)
    return membership


def _say(actor: Actor, before: RoomAccess, user_id: Any, role: str | None) -> None:
    """Says in the room whose membership has begun or ended, or who has another role."""
    if role != before.role:
        name = "member-removed" if role is None else "member-added" if before.role is None else "role-changed"
        system_messages.add(before.room_id, actor, name, user_id=user_id, role=role)


def _restrict(
    room_id: int, user_id: Any, values: dict[str, Any], *, removed: bool = False, kicked: bool = False
) -> Membership:
    """Who is no member gets a row that says only this."""
    created = {"role": Membership.Role.NONE, **values}
    membership, _ = Membership.objects.update_or_create(
        room_id=room_id, user_id=user_id, defaults=values, create_defaults=created
    )
    state = storage.access_by_id(user_id=user_id, room_id=room_id)
    if state is not None:
        _publish(state, user_id, removed=removed, kicked=kicked)
    return membership


# --- Who hears of it --------------------------------------------------------------------------------------------------
def _publish(state: RoomAccess, user_id: Any, *, removed: bool, kicked: bool) -> None:
    """Sends to the room, and to those of the person's own connections that are not in it."""
    frame = encode(member_frame(state, user_id, removed=removed, kicked=kicked))
    notice = Notification(str(user_id), frame.decode(), besides=state.room_id)
    publish_after_commit(lambda: [control.event(notice), Event(topics.of_room(state.room_id), frame)])


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
