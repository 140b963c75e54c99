"""How much of a room's history is kept: the oldest messages above a number are deleted, a few hundred at a time.

The order stays whole: no seq is given again, and the room remembers what resuming clients can no longer be told.
"""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Greatest

from rooms.models import Message, Room

ROWS = 500  # in one transaction: the room's writers wait for some milliseconds at most


def excess(*, room_id: int, keep: int) -> int:
    """How many stored rows are older than the `keep` newest messages of a room."""
    oldest = Message.objects.oldest_of(room_id, newest=keep)
    return 0 if oldest is None else Message.objects.filter(room_id=room_id, seq__lt=oldest).count()


def prune(*, room_id: int, keep: int) -> Iterator[int]:
    """Deletes what is older than the `keep` newest messages, deleted ones not counted; yields rows per transaction.

    The edge is taken once: what is said meanwhile is left to the next run.
    """
    oldest = Message.objects.oldest_of(room_id, newest=keep)
    while oldest is not None and (deleted := _prune_some(room_id, oldest)):
        yield deleted


@transaction.atomic
def _prune_some(room_id: int, before: int) -> int:
    """Deletes the oldest rows under a seq. The room is locked first, as for every change of its messages."""
    Room.objects.select_for_update().filter(pk=room_id).first()
    older = Message.objects.filter(room_id=room_id, seq__lt=before)
    edge = older.order_by("seq").values_list("seq", flat=True)[:ROWS]
    rows = older.filter(seq__lte=max(edge, default=0))
    changed = rows.aggregate(last=Max("changed_seq"))["last"]
    if changed is None:
        return 0
    Room.objects.filter(pk=room_id).update(pruned_seq=Greatest(F("pruned_seq"), changed))
    return rows.delete()[0]
