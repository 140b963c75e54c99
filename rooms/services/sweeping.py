"""Deleting files that no message has: some time after the upload, or when their message is gone.

Each process may do it at any time, also at once with others: deleting what is deleted changes nothing. What a storage
fails to delete is tried again the next time, because its row stays.
"""

from collections.abc import Iterator
from datetime import timedelta

import structlog
from django.db.models import Q, QuerySet
from django.utils import timezone

from rooms import files
from rooms.conf import conf
from rooms.errors import Unavailable
from rooms.models import Attachment

log = structlog.get_logger(__name__)
ROWS = 100  # read at once


def sweep() -> Iterator[int]:
    """Deletes files that no message has any more, or that none has got in CHAT_UNATTACHED_HOURS; yields how many."""
    _waited_too_long().update(attached_at=timezone.now())  # from now on no message can get them
    last = ""
    while rows := list(_gone().filter(pk__gt=last).order_by("pk")[:ROWS]):
        last = rows[-1].pk
        yield sum(remove(row) for row in rows)


def unneeded() -> int:
    """How many files would be deleted now."""
    return _waited_too_long().count() + _gone().count()


def _waited_too_long() -> QuerySet[Attachment]:
    """Also those whose owner is no more."""
    late = Q(owner=None)
    if conf.CHAT_UNATTACHED_HOURS:
        late |= Q(created_at__lt=timezone.now() - timedelta(hours=conf.CHAT_UNATTACHED_HOURS))
    return Attachment.objects.filter(late, message=None, attached_at=None)


def _gone() -> QuerySet[Attachment]:
    return Attachment.objects.filter(message=None, attached_at__isnull=False)


def remove(row: Attachment) -> bool:
    """Deletes what is stored of a file, and then its row; False when the storage fails."""
    try:
        for path in filter(None, (row.thumbnail_path, row.path)):
            files.delete(path)
    except Unavailable:
        log.warning("files.not_deleted", file=row.pk)
        return False
    return bool(Attachment.objects.filter(pk=row.pk, message=None).delete()[0])
