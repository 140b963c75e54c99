"""The audit log is written in the transaction of what it tells of, and only here."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from rooms import people
from rooms.callers import Actor
from rooms.models import AuditEntry, Room
from rooms.storage import RoomAccess

ROWS_AT_ONCE = 1_000  # deleted in one transaction


def record(
    actor: Actor,
    action: str,
    *,
    room: RoomAccess | Room | None = None,
    target_id: Any = None,
    reason: str = "",
    **details: Any,
) -> None:
    """Notes an act. `details` is what JSON can say; names are kept as they are now."""
    room_id = room.pk if isinstance(room, Room) else room.room_id if room else None
    AuditEntry.objects.create(
        action=action,
        door=actor.door,
        actor_id=actor.user_id,
        actor_name=actor.username,
        target_id=target_id,
        target_name=_name_of(target_id),
        room_id=room_id,
        room_name=room.name if room else "",
        is_private=room is not None and room.kind != Room.Kind.PUBLIC,
        reason=reason[:500],
        details=details,
    )


def prune(*, days: int) -> int:
    """Deletes what is older, some at a time; returns how many entries. 0 days: none."""
    old = AuditEntry.objects.filter(at__lt=timezone.now() - timedelta(days=days)).order_by("at")
    deleted = 0
    while days and (keys := list(old.values_list("pk", flat=True)[:ROWS_AT_ONCE])):
        deleted += AuditEntry.objects.filter(pk__in=keys).delete()[0]
    return deleted


def _name_of(user_id: Any) -> str:
    user = get_user_model()._base_manager.filter(pk=user_id).first()  # noqa: SLF001 - Django's own, of all users
    return people.shown(user).name if user is not None else ""
