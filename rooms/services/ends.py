"""Mutes and bans of rooms that end at a time: which are next, and what their people are then."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from rooms import storage
from rooms.access import Action, refusal
from rooms.models import Membership
from rooms.protocol.codec import encode
from rooms.services.moderation import member_frame


class Ending(NamedTuple):
    membership_id: int
    user_key: str
    at: datetime


def endings(*, since: datetime, within_s: float) -> set[Ending]:
    """What ends after a moment and within some seconds from now, by one index for mutes and one for bans."""
    until = timezone.now() + timedelta(seconds=within_s)
    found: set[Ending] = set()
    for field in ("muted_until", "banned_until"):
        rows = Membership.objects.filter(**{f"{field}__gt": since, f"{field}__lte": until})
        found.update(Ending(pk, str(user_id), at) for pk, user_id, at in rows.values_list("pk", "user_id", field))
    return found


def notices(*, ended: Iterable[Ending]) -> list[tuple[str, bytes]]:
    """The keys of these users, and the frame that says what they are now; none for who may not know of the room."""
    rows = Membership.objects.filter(pk__in=[one.membership_id for one in ended]).values_list("user_id", "room_id")
    now = timezone.now()
    found = [(user_id, storage.access_by_id(user_id=user_id, room_id=room_id)) for user_id, room_id in rows]
    return [
        (str(user_id), encode(member_frame(state, user_id)))
        for user_id, state in found
        if state is not None and refusal(state, Action.READ, now) is None
    ]
