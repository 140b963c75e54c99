"""What a project can listen to. Sent after the commit; a receiver that fails is logged and harms nobody.

    message_posted   message: rooms.storage.StoredMessage
    message_changed  message: the same, edited or deleted
    messages_deleted room: rooms.models.Room, message_ids: the keys of many messages deleted at once
    room_created     room: rooms.models.Room
    report_made      report: rooms.models.Report, of a person or of the word filter

Receivers run on the thread that committed, or, for messages of sockets and token requests, on one kept for them;
never on the event loop. What a process has not handed to them when it dies is lost: who must not miss a message reads
the history.
"""

from collections.abc import Iterable
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

import structlog
from django.db import transaction
from django.dispatch import Signal

from monitoring import metrics
from rooms import database

if TYPE_CHECKING:
    from rooms.storage import StoredMessage

log = structlog.get_logger(__name__)
MAX_WAITING = 10_000  # messages of one process whose receivers have yet to run; what is beyond is dropped and counted
message_posted = Signal()
message_changed = Signal()
messages_deleted = Signal()
room_created = Signal()
report_made = Signal()
_free = BoundedSemaphore(MAX_WAITING)


def send_after_commit(signal: Signal, **values: Any) -> None:
    """Calls the receivers on this thread, once the present transaction is committed."""
    if signal.has_listeners():
        transaction.on_commit(lambda: _send(signal, **values), robust=True)


def send_posted(messages: Iterable["StoredMessage"]) -> None:
    """Hands committed messages to the receivers' thread; from the event loop."""
    if not message_posted.has_listeners():
        return
    for message in messages:
        if _free.acquire(blocking=False):
            sent = database.submit_signal(_send, message_posted, message=message)
            sent.add_done_callback(lambda _: _free.release())
        else:
            metrics.signal_dropped()


def _send(signal: Signal, **values: Any) -> None:
    for receiver, answer in signal.send_robust(sender=None, **values):
        if isinstance(answer, Exception):
            log.error("signal.receiver_failed", receiver=repr(receiver), exc_info=answer)
