"""Direct rooms: of two people or a few, always the same room for the same people.

Their key is unique, so two who open one at the same moment find one room. Nobody is invited to it or leaves it; its
name is random, for it is shown to nobody: clients name it by its people.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from rooms import access, people, scopes, signals, storage
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import BadFrame, Blocked, NoSuchUser
from rooms.live import control
from rooms.live.control import MemberAdded
from rooms.models import Block, Membership, Room
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.rooms import WholeRoom
from rooms.services.publishing import publish_after_commit
from rooms.services.rooms import whole_room
from rooms.storage import RoomEntry

User: Any = get_user_model()


def open_direct(
    *, actor: Actor, usernames: Iterable[str], before_creating: Callable[[], object] = lambda: None
) -> RoomEntry:
    """The room of the actor and these people, made if there is none.

    Raises NoSuchUser, Blocked where one of them and the actor have blocked each other, BadFrame for nobody or too many,
    and what forbids to create one.
    """
    found = {name: people.find(name) for name in usernames}
    if None in found.values():
        raise NoSuchUser
    return open_with(actor=actor, user_ids=found.values(), before_creating=before_creating)


def open_with(
    *, actor: Actor, user_ids: Iterable[Any], before_creating: Callable[[], object] = lambda: None
) -> RoomEntry:
    """The same by the keys of the people."""
    others = set(user_ids) - {actor.user_id}
    if not others:
        raise BadFrame("A direct room has somebody else in it")
    if 0 < conf.CHAT_MAX_DIRECT_PEOPLE <= len(others):
        raise BadFrame(f"A direct room has {conf.CHAT_MAX_DIRECT_PEOPLE} people at most")
    _check_active(others)
    _check_blocks(actor, others)
    with transaction.atomic():
        room_id = _room_of({actor.user_id, *others}, actor, before_creating)
        return access.entry_by_id(actor.user_id, room_id)


def _check_active(user_ids: Collection[Any]) -> None:
    users = User._base_manager.in_bulk(user_ids)  # noqa: SLF001 - Django's own, of all users
    if len(users) < len(user_ids) or not all(getattr(user, "is_active", True) for user in users.values()):
        raise NoSuchUser


def _check_blocks(actor: Actor, others: Collection[Any]) -> None:
    """Who moderates the whole chat can write to everybody."""
    blocks = Q(blocker_id=actor.user_id, blocked_id__in=others)
    if "moderator" not in actor.roles:
        blocks |= Q(blocked_id=actor.user_id, blocker_id__in=others)
    if Block.objects.filter(blocks).exists():
        raise Blocked


def _room_of(user_ids: Collection[Any], actor: Actor, before_creating: Callable[[], object]) -> int:
    key = _key(user_ids)
    found = Room.objects.filter(direct_key=key).values_list("pk", flat=True).first()
    if found is None:
        scopes.check_new_rooms()
        before_creating()
        values = {"name": f"direct-{secrets.token_hex(16)}", "kind": Room.Kind.DIRECT, "created_by_id": actor.user_id}
        room, created = Room.objects.get_or_create(direct_key=key, defaults=values)
        if not created:  # somebody else has made it at the same moment
            return room.pk
        found = room.pk
        storage.add_members([(found, user_id) for user_id in user_ids], timezone.now())
        publish_after_commit(lambda: [control.event(MemberAdded(str(one), room.pk)) for one in user_ids])
        signals.send_after_commit(signals.room_created, room=room)
    return found


def _key(user_ids: Collection[Any]) -> str:
    """One text for the same people, in any order."""
    return sha256("\0".join(sorted(map(str, user_ids))).encode()).hexdigest()


# --- Who is in them ---------------------------------------------------------------------------------------------------
def people_of(rooms: Iterable[RoomEntry]) -> dict[int, list[UserRef]]:
    """The people of those of these rooms that are direct, by their keys."""
    ids = [room.room_id for room in rooms if room.kind == Room.Kind.DIRECT]
    if not ids:
        return {}
    rows = Membership.objects.filter(room_id__in=ids).exclude(role=Membership.Role.NONE).order_by("user_id")
    pairs = list(rows.values_list("room_id", "user_id"))
    shown = people.lookup(user_id for _, user_id in pairs)
    found: defaultdict[int, list[UserRef]] = defaultdict(list)
    for room_id, user_id in pairs:
        if user_id in shown:
            found[room_id].append(UserRef(str(user_id), *shown[user_id]))
    return dict(found)


def whole_rooms(rooms: list[RoomEntry], counts: Mapping[int, int]) -> list[WholeRoom]:
    """Rooms as those see them who accept whole rooms, the direct ones with their people."""
    found = people_of(rooms)
    return [
        msgspec.structs.replace(whole_room(room, counts[room.room_id]), members=found.get(room.room_id))
        for room in rooms
    ]
