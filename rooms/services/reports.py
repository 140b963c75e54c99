"""Reports to the moderators: made by people and by the word filter, worked on in the admin, deleted some time after.

A report keeps what it is about as it was. Nothing here sends, logs or audits who made it.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from rooms import access, people, signals, storage
from rooms.access import Action
from rooms.callers import Actor
from rooms.errors import Conflict, NoSuchUser
from rooms.models import Message, Report, StreamPart
from rooms.models.reports import UNSETTLED
from rooms.services import audit, messages
from rooms.storage import StoredMessage

ROWS = 500  # deleted in one transaction


def report_message(*, actor: Actor, name: str, message_id: str, reason: str) -> None:
    """Reports a message of the room of this name. A repeated report changes nothing.

    Raises NoSuchMessage for all that the actor may not read, and Conflict for the actor's own message.
    """
    message = messages.find(access.authorize(actor, name, Action.REPORT), message_id)
    if message.author_id == actor.user_id:
        raise Conflict("This is your own message")
    key = {"kind": Report.Kind.MESSAGE, "reporter_id": actor.user_id, "message_id": message.id}
    _make(key, reason=reason, **_evidence(message))


def report_user(*, actor: Actor, username: str, reason: str, name: str | None = None) -> None:
    """Reports a person, for what happened in the room of this name if there is one. A repeated report changes nothing.

    Raises NoSuchUser, what keeps the actor out of the room, and Conflict for oneself.
    """
    room = access.authorize(actor, name, Action.REPORT) if name is not None else None
    user_id = people.find(username)
    if user_id is None:
        raise NoSuchUser
    if user_id == actor.user_id:
        raise Conflict("You cannot report yourself")
    key = {"kind": Report.Kind.USER, "reporter_id": actor.user_id, "reported_id": user_id}
    shown = people.lookup([user_id]).get(user_id)
    where = {"room_id": room.room_id, "room_name": room.name} if room else {}
    _make(key, reason=reason, reported_name=shown.name if shown else "", **where)


def report_by_filter(*, message: StoredMessage, phrase: str) -> None:
    """Reports a message in which the word filter has found this phrase; once as long as that is not settled."""
    key = {"kind": Report.Kind.FILTER, "message_id": message.id}
    _make(key, reason=phrase[:500], **_evidence(message))


def _evidence(message: StoredMessage) -> dict[str, Any]:
    return {
        "reported_id": message.author_id,
        "reported_name": message.username or "",
        "room_id": message.room_id,
        "room_name": message.room_name,
        "content": _text(message),
        "sent_at": message.created_at,
    }


def _text(message: StoredMessage) -> str:
    """What can be read of a message: while it is written in pieces, what has arrived."""
    if message.stream != Message.Stream.OPEN:
        return message.content
    parts = StreamPart.objects.filter(message_id=message.id).order_by("offset")
    return "".join(parts.values_list("text", flat=True))


def _make(key: dict[str, Any], **values: Any) -> None:
    """Stores a report unless one of this key is open. Of two at once a constraint lets one through, and the other
    finds that one.
    """
    with transaction.atomic():
        report, created = Report.objects.get_or_create(**key, state__in=UNSETTLED, defaults=values)
        if created:
            signals.send_after_commit(signals.report_made, report=report)


# --- The moderators' work -------------------------------------------------------------------------------------------
def set_state(*, actor: Actor, report_id: int, state: str) -> bool:
    """Moves a report to a state, with the actor as the one who handles it; False when it has that state already.

    Raises Conflict when it cannot be opened again because the same was reported once more.
    """
    with transaction.atomic():
        report = Report.objects.select_for_update(of=("self",)).get(pk=report_id)
        if report.state == state:
            return False
        report.state, report.handled_by_id = state, actor.user_id
        report.settled_at = None if state in UNSETTLED else timezone.now()
        try:
            with transaction.atomic():
                report.save(update_fields=["state", "handled_by", "settled_at"])
        except IntegrityError:
            raise Conflict("The same was reported again meanwhile") from None
        _audit(actor, report, f"report-{state}")
    return True


def set_note(*, actor: Actor, report_id: int, note: str) -> None:
    with transaction.atomic():
        report = Report.objects.select_for_update(of=("self",)).get(pk=report_id)
        Report.objects.filter(pk=report_id).update(note=note)
        _audit(actor, report, "report-note")


def _audit(actor: Actor, report: Report, action: str) -> None:
    room = None
    if report.room_id is not None:
        room = storage.access_by_id(user_id=actor.user_id, room_id=report.room_id)
    audit.record(actor, action, room=room, target_id=report.reported_id, report=report.pk)


def open_count() -> int:
    """How many reports wait for a moderator."""
    return Report.objects.filter(state=Report.State.OPEN).count()


# --- Retention --------------------------------------------------------------------------------------------------------
def outdated(*, days: int) -> int:
    """How many reports were settled more than this number of days ago."""
    return _settled_before(days).count()


def prune(*, days: int) -> Iterator[int]:
    """Deletes what was settled more than this number of days ago; yields rows per transaction."""
    while keys := list(_settled_before(days).order_by("settled_at").values_list("pk", flat=True)[:ROWS]):
        yield Report.objects.filter(pk__in=keys).delete()[0]


def _settled_before(days: int) -> QuerySet[Report]:
    return Report.objects.filter(settled_at__lt=timezone.now() - timedelta(days=days))
