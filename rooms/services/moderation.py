"""Bans, mutes and memberships of a room. Each change is noted, and acts on open connections after the commit."""

from datetime import datetime
from typing import Any

from django.db import transaction

from rooms.models import Membership
from rooms.services.rights import announce


def ban(*, room_id: int, user_id: Any, until: datetime | None) -> None:
    """Keeps a user out of a room until then; with None lets them in again."""
    _set(room_id, user_id, banned_until=until)


def mute(*, room_id: int, user_id: Any, until: datetime | None) -> None:
    """Lets a user only read until then; with None lets them write again."""
    _set(room_id, user_id, muted_until=until)


def set_membership(*, room_id: int, user_id: Any, **values: Any) -> Membership:
    """Creates a membership, or updates only these fields of it: `read_seq` may move meanwhile."""
    return _set(room_id, user_id, **values)


def remove_member(*, room_id: int, user_id: Any) -> None:
    with transaction.atomic():
        Membership.objects.filter(room_id=room_id, user_id=user_id).delete()
        announce([user_id])


def _set(room_id: int, user_id: Any, **values: Any) -> Membership:
    with transaction.atomic():
        membership, _ = Membership.objects.update_or_create(room_id=room_id, user_id=user_id, defaults=values)
        announce([user_id])
    return membership
