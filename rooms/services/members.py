"""Membership: who belongs to a room, becomes a member and leaves, and what a new member sees of what was written.

A membership begins and ends under the lock of the room's row, so that a member's first visible seq is exact, and a
room that has an owner keeps one.
"""

from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from rooms import access, people, storage
from rooms.access import Action, Rank
from rooms.callers import Actor
from rooms.errors import BadFrame, Conflict, Forbidden, NoSuchRoom, NoSuchUser
from rooms.live import control
from rooms.live.control import MemberAdded, Notification
from rooms.models import Membership, Room
from rooms.people import Shown
from rooms.protocol.codec import encode
from rooms.protocol.commands.members import MEMBERS_DEFAULT, MEMBERS_MAX
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.members import Member, RoomRemoved
from rooms.protocol.rules import timestamp
from rooms.services import audit, system_messages
from rooms.services.publishing import publish_after_commit
from rooms.services.rights import announce
from rooms.storage import RoomAccess

NONE, OWNER = Membership.Role.NONE, Membership.Role.OWNER
DIRECT = "Nobody comes into a direct room or leaves it"
INVITING = (Room.Kind.PUBLIC, Room.Kind.PRIVATE)
GONE = Shown("deleted user")


class MemberRow(NamedTuple):
    user_id: Any
    role: str
    muted_until: datetime | None
    banned_until: datetime | None


class MemberPage(NamedTuple):
    rows: list[MemberRow]
    next: str | None  # the `after` of the next page


# --- Becoming a member, and ending it ---------------------------------------------------------------------------------
def follow(*, actor: Actor, name: str, level: str | None = None) -> RoomAccess:
    """Makes the actor a member of a room they may enter, notified of `level`; raises NoSuchRoom, Banned."""
    room = access.authorize(actor, name, Action.FOLLOW)
    with transaction.atomic():
        is_new = make_member(room_id=room.room_id, user_id=actor.user_id)
        if level is not None:
            Membership.objects.filter(room_id=room.room_id, user_id=actor.user_id).update(level=level)
            if not is_new:
                _send_room(room.room_id, actor.user_id)
    return room


def unfollow(*, actor: Actor, name: str) -> RoomAccess:
    """Ends the actor's membership; nothing happens when there is none.

    Raises Conflict for the last owner, Forbidden in a direct room.
    """
    room = access.authorize(actor, name, Action.READ)
    with transaction.atomic():
        is_ended = end_membership(room_id=room.room_id, user_id=actor.user_id)
        if is_ended and room.kind == Room.Kind.PRIVATE:  # of a public room one is a member by having written there
            system_messages.add(room.room_id, actor, "member-left")
    return room


def invite(*, actor: Actor, name: str, username: str) -> RoomAccess:
    """Makes somebody a member; raises Forbidden, NoSuchUser, and Conflict for somebody who is banned from the room."""
    room = access.authorize(actor, name, Action.INVITE)
    require_invitations(room)
    user_id = people.find(username)
    theirs = storage.access_by_id(user_id=user_id, room_id=room.room_id) if user_id is not None else None
    if theirs is None or not theirs.active:
        raise NoSuchUser
    if theirs.banned_until is not None and theirs.banned_until > timezone.now():
        raise Conflict("This person is banned from the room")
    add_member(actor=actor, room=room, user_id=user_id)
    return room


def add_member(*, actor: Actor, room: RoomAccess, user_id: Any) -> bool:
    """The same for who has decided it already; False when they are a member. Raises Forbidden in a direct room."""
    with transaction.atomic():
        is_new = make_member(room_id=room.room_id, user_id=user_id)
        if is_new:
            audit.record(actor, "invite", room=room, target_id=user_id)
            system_messages.add(room.room_id, actor, "member-added", user_id=user_id)
    return is_new


def remove_member(*, actor: Actor, room: RoomAccess, user_id: Any) -> bool:
    """Ends somebody's membership for who has decided it; False when there is none. Raises Conflict, Forbidden."""
    with transaction.atomic():
        is_ended = end_membership(room_id=room.room_id, user_id=user_id)
        if is_ended:
            audit.record(actor, "remove", room=room, target_id=user_id)
            system_messages.add(room.room_id, actor, "member-removed", user_id=user_id)
    return is_ended


def require_invitations(room: RoomAccess) -> None:
    """Raises Forbidden where nobody is invited: a direct room has its people, an object's room those who may see it."""
    if room.kind not in INVITING:
        raise Forbidden("Nobody is invited to this room")


def make_member(*, room_id: int, user_id: Any) -> bool:
    """Makes a user a member; False when they are one. What was decided about them, such as a mute, stays.

    In a room whose new members see what is written from then on, that holds for somebody who comes back, too.
    """
    with transaction.atomic():
        room = _locked(room_id)
        if Membership.objects.filter(room=room, user_id=user_id).exclude(role=NONE).exists():
            return False
        if room.kind == Room.Kind.DIRECT:
            raise Forbidden(DIRECT)
        above = room.last_seq if room.history == Room.History.JOINED else 0
        values = {"role": Membership.Role.MEMBER, "visible_from_seq": above, "joined_at": timezone.now()}
        values["read_seq"] = room.last_seq  # what was written before is nothing that the new member has missed
        Membership.objects.update_or_create(room=room, user_id=user_id, defaults=values)
        if above:
            announce([user_id])  # a connection that is still in the room from before must not show what is hidden now
        _send_room(room_id, user_id)
    return True


def end_membership(*, room_id: int, user_id: Any) -> bool:
    """Ends a membership; False when there is none. Connections leave a room that is closed to the user now."""
    with transaction.atomic():
        room = _locked(room_id)
        found = Membership.objects.filter(room=room, user_id=user_id).exclude(role=NONE)
        membership = found.first()
        if membership is None:
            return False
        if room.kind == Room.Kind.DIRECT:
            raise Forbidden(DIRECT)
        if membership.role == OWNER:
            _require_another_owner(room_id=room_id, user_id=user_id)
        found.update(role=NONE)
        Room.objects.filter(pk=room_id).update(access_version=F("access_version") + 1)
        announce([user_id])
        frame = encode(RoomRemoved(room_id=room.name)).decode()
        publish_after_commit(lambda: [control.event(Notification(str(user_id), frame, "rooms"))])
    return True


def set_role(*, room_id: int, user_id: Any, role: str) -> None:
    """Changes the role of a member; raises Conflict for the last owner. The room's row must be locked."""
    membership = Membership.objects.filter(room_id=room_id, user_id=user_id)
    if role != OWNER and membership.filter(role=OWNER).exists():
        _require_another_owner(room_id=room_id, user_id=user_id)
    membership.update(role=role)


def has_another_owner(*, room_id: int, user_id: Any) -> bool:
    return Membership.objects.filter(room_id=room_id, role=OWNER).exclude(user_id=user_id).exists()


def _require_another_owner(*, room_id: int, user_id: Any) -> None:
    """Raises Conflict when the room has no other owner than this one; its row must be locked."""
    if not has_another_owner(room_id=room_id, user_id=user_id):
        raise Conflict("A room keeps its last owner")


def _locked(room_id: int) -> Room:
    room = Room.objects.select_for_update().filter(pk=room_id, removed_at=None).first()
    if room is None:
        raise NoSuchRoom
    return room


def _send_room(room_id: int, user_id: Any) -> None:
    publish_after_commit(lambda: [control.event(MemberAdded(str(user_id), room_id))])


# --- Who the members are ----------------------------------------------------------------------------------------------
def members(*, actor: Actor, name: str, after: str | None = None, limit: int = MEMBERS_DEFAULT) -> MemberPage:
    """A page of the members, by their keys; raises NoSuchRoom, Banned.

    Moderators learn until when somebody is muted or banned, and of those who are banned without being members.
    """
    room = access.authorize(actor, name, Action.READ)
    now, limit = timezone.now(), min(limit, MEMBERS_MAX)
    is_moderator = access.rank(room.role, actor.roles) >= Rank.MODERATOR
    shown = ~Q(role=NONE) | Q(banned_until__gt=now) if is_moderator else ~Q(role=NONE)
    found = Membership.objects.filter(shown, room_id=room.room_id).order_by("user_id")
    if after is not None:
        found = found.filter(user_id__gt=user_key(after))
    values = found.values_list("user_id", "role", "muted_until", "banned_until")[: limit + 1]
    rows = [MemberRow(*row) for row in values]
    if not is_moderator:
        rows = [row._replace(muted_until=None, banned_until=None) for row in rows]
    page = [_current(row, now) for row in rows[:limit]]
    return MemberPage(page, str(page[-1].user_id) if len(rows) > limit else None)


def member_frames(rows: list[MemberRow], online: set[str]) -> list[Member]:
    """Members as clients receive them; `online` has the keys of those who are signed in."""
    known = people.lookup([row.user_id for row in rows])
    return [_member(row, known.get(row.user_id, GONE), online) for row in rows]


def _member(row: MemberRow, shown: Shown, online: set[str]) -> Member:
    key = str(row.user_id)
    return Member(
        user=UserRef(key, shown.name, shown.avatar),
        role=row.role,
        online=key in online,
        muted_until=timestamp(row.muted_until) if row.muted_until else None,
        banned_until=timestamp(row.banned_until) if row.banned_until else None,
    )


def _current(row: MemberRow, now: datetime) -> MemberRow:
    """Without what has ended."""
    return row._replace(
        muted_until=row.muted_until if row.muted_until and row.muted_until > now else None,
        banned_until=row.banned_until if row.banned_until and row.banned_until > now else None,
    )


def user_key(text: str) -> Any:
    """A user's key by the id of frames; raises BadFrame."""
    try:
        return people.key_field().to_python(text)
    except ValidationError:
        raise BadFrame("`after` is the id of a user") from None
