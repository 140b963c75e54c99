"""Rights that changed: noted in the same transaction, and announced to every process after its commit."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from rooms.live import control
from rooms.live.control import UsersChanged
from rooms.models import EndedSession, RightsChange
from rooms.services.publishing import publish_after_commit


def announce(user_ids: Iterable[Any]) -> None:
    """Has every process re-check these users' open connections. One that does not hear it finds the note."""
    keys = sorted({str(user_id) for user_id in user_ids})  # in one order: two transactions never wait for each other
    if not keys:
        return
    changes = [RightsChange(user_key=key, at=Now()) for key in keys]
    RightsChange.objects.bulk_create(changes, update_conflicts=True, unique_fields=["user_key"], update_fields=["at"])
    publish_after_commit(lambda: [control.event(UsersChanged(keys))])


def end_session(*, session_id: Any, until: datetime) -> None:
    """Notes that a browser's session has ended: nothing opens with its cookie, which is good until then."""
    EndedSession.objects.filter(until__lt=timezone.now()).delete()
    EndedSession.objects.bulk_create([EndedSession(id=session_id, until=until)], ignore_conflicts=True)


def changes(*, within_s: float) -> set[tuple[str, datetime]]:
    """Whose rights were changed in the last `within_s` seconds, and when, by the database's clock."""
    recent = RightsChange.objects.filter(at__gt=Now() - timedelta(seconds=within_s))
    return set(recent.values_list("user_key", "at"))
