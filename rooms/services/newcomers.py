"""Who writes in a public room is a member of it from then on."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import DatabaseError, transaction

from rooms import storage
from rooms.models import Room
from rooms.storage import PostContext, Repeated, StoredMessage

log = structlog.get_logger(__name__)
PUBLIC = Room.Kind.PUBLIC.value


def add(answers: Sequence[object], contexts: Sequence[PostContext], now: datetime) -> None:
    """Adds the authors of what was stored just now. Where that fails, their next message does it."""
    authors = [
        (answer.room_id, answer.author_id)
        for answer, context in zip(answers, contexts, strict=True)
        if context.access is not None and context.access.role is None and context.access.kind == PUBLIC
        if isinstance(answer, StoredMessage) and not isinstance(answer, Repeated)
    ]
    if not authors:
        return
    try:
        with transaction.atomic():
            storage.add_members(authors, now)
    except DatabaseError as error:
        log.warning("posting.no_members", exc_info=error)
