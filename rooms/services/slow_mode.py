"""Slow mode: when each member of a slow room wrote last, noted under the lock of the room's row."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, cast

from django.db import connection

from rooms.errors import SlowMode
from rooms.models import Membership, Room
from rooms.storage import NewMessage, PostContext, StoredMessage


def lock_rooms(room_ids: Collection[int], *, wait: bool) -> set[int]:
    """Locks rooms in key order; without `wait` leaves out those that are locked already."""
    skip_locked = not wait and connection.features.has_select_for_update_skip_locked
    no_key = connection.features.has_select_for_no_key_update
    rooms = Room.objects.select_for_update(skip_locked=skip_locked, no_key=no_key)
    return set(rooms.filter(pk__in=room_ids).order_by("pk").values_list("pk", flat=True))


def note_posted(stored: Iterable[StoredMessage], now: datetime) -> None:
    """Notes when these authors wrote. Who is no member gets a row that says only this."""
    rows: dict[tuple[int, Any], Membership] = {
        (new.room_id, new.author_id): Membership(
            room_id=new.room_id, user_id=cast(int, new.author_id), role=Membership.Role.NONE, posted_at=now
        )
        for new in stored
    }
    Membership.objects.bulk_create(
        rows.values(), update_conflicts=True, unique_fields=["room", "user"], update_fields=["posted_at"]
    )


def choose(slowed: Iterable[tuple[NewMessage, PostContext]]) -> Iterator[SlowMode | None]:
    """Of each author in each slow room one message may be stored, and those that repeat its client id."""
    chosen: dict[tuple[int, Any], str | None] = {}
    for new, context in slowed:
        author = (new.room_id, new.author_id)
        is_chosen = author not in chosen or (new.client_id is not None and new.client_id == chosen[author])
        chosen.setdefault(author, new.client_id)
        slow_mode_s = context.access.slow_mode_s if context.access is not None else 0
        yield None if is_chosen else SlowMode(retry_after_ms=slow_mode_s * 1000)
