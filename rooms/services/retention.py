"""Retention of a room's history: the oldest messages above a number are deleted, a few hundred at a time.

No seq is used again, and the room remembers which changes resuming clients can no longer be sent.
"""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import F, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Greatest

from rooms.models import BulkDeletion, Message, Room
from rooms.storage import search

ROWS = 500  # in one transaction: the room's writers wait for some milliseconds at most


def excess(*, room_id: int, keep: int) -> int:
    """How many stored rows are older than the `keep` newest messages of a room."""
    oldest = _oldest_kept(room_id, keep)
    return 0 if oldest is None else sum(rows.count() for rows in _between(room_id, 0, oldest))


def prune(*, room_id: int, keep: int) -> Iterator[int]:
    """Deletes what is older than the `keep` newest messages, deleted ones not counted; yields rows per transaction.

    The edge is read once: what is posted meanwhile is left to the next run.
    """
    oldest, edge = _oldest_kept(room_id, keep) or 0, 0
    while edge < oldest:
        edge, deleted = _prune_some(room_id, edge, oldest)
        if deleted:
            yield deleted


def _oldest_kept(room_id: int, keep: int) -> int | None:
    """The seq of the oldest of a room's `keep` newest undeleted messages; None when there are fewer."""
    seqs = Message.objects.filter(room_id=room_id, deleted_at=None).order_by("-seq").values_list("seq", flat=True)
    return seqs[keep - 1 : keep].first()


def _between(room_id: int, after: int, before: int) -> tuple[QuerySet[Message], QuerySet[Message]]:
    """The messages between two seqs, and the deleted ones: each by an index of its own."""
    rows = Message.objects.filter(room_id=room_id, seq__gt=after, seq__lt=before).order_by("seq")
    return rows.filter(deleted_at=None), rows.filter(deleted_at__isnull=False)


@transaction.atomic
def _prune_some(room_id: int, after: int, before: int) -> tuple[int, int]:
    """Deletes the oldest rows between two seqs; returns the seq up to which nothing is left, and how many were deleted.

    The room is locked first, as for every change of its messages. `after` spares PostgreSQL the rows deleted just now.
    """
    Room.objects.select_for_update().filter(pk=room_id).first()
    oldest = [key for rows in _between(room_id, after, before) for key in rows.values_list("seq", "pk")[:ROWS]]
    if not oldest:
        return before, 0
    oldest = sorted(oldest)[:ROWS]
    rows = Message.objects.filter(pk__in=[key for _, key in oldest])
    changed = rows.aggregate(last=Max("changed_seq"))["last"]
    Room.objects.filter(pk=room_id).update(pruned_seq=Greatest(F("pruned_seq"), changed))
    pruned = Room.objects.filter(pk=OuterRef("room")).values("pruned_seq")
    unneeded = BulkDeletion.objects.filter(room_id=room_id, changed_seq__lte=Subquery(pruned))
    unneeded.delete()  # nobody resumes from there
    deleted = rows.delete()[1].get(Message._meta.label, 0)  # noqa: SLF001 - Django documents _meta as public
    search.unindex([key for _, key in oldest])
    return oldest[-1][0], deleted
