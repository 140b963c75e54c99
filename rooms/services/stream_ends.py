"""The end of a message that was written in pieces: one change of its room, and the parts are gone.

The hooks and the word filter see the whole text now, as they see that of any message, and receivers are called as for a
new one. Where a hook refuses it, the message is left without a text; the filter leaves what it allowed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from django.db import transaction
from django.utils import timezone

from rooms import hooks, names, phrases, signals
from rooms.conf import conf
from rooms.errors import ChatError, Filtered, Unavailable
from rooms.models import Bot, FilterPhrase, Message, Stream, StreamPart
from rooms.protocol.rules import stream_content
from rooms.services import changes, filters, mentions, stream_parts
from rooms.services.changes import INTERRUPTED, OPEN, Values
from rooms.services.filters import Verdict
from rooms.services.moderation import mute_authors
from rooms.services.publishing import publish_after_commit
from rooms.services.reports import report_by_filter
from rooms.storage import NewMessage, StoredMessage

log = structlog.get_logger(__name__)
TRIES = 5  # while more is appended
Note = Callable[[Message], None]


class Ended(NamedTuple):
    """The message as it is now, None when it was deleted; and what refused its whole text."""

    message: StoredMessage | None
    error: ChatError | None = None


class _Final(NamedTuple):
    text: str
    is_interrupted: bool
    verdict: Verdict | None
    error: ChatError | None


class _Grown(Exception):
    """More has arrived since the text was read."""


def finish(
    message_id: int,
    *,
    interrupted: bool,
    verdict: Verdict | None = None,
    silent_since: datetime | None = None,
    note: Note = lambda _: None,
) -> Ended:
    """Ends a message that is being written; one that is not stays as it is. Raises Unavailable where a hook fails.

    `verdict` is on what was to be appended. With `silent_since` only one of which nothing has come since. `note` is
    called in the same transaction.
    """
    for _ in range(TRIES):
        where = Message.objects.filter(pk=message_id).values_list("room_id", "author_id").first()
        if where is None:
            return Ended(None)
        text = stream_parts.text(message_id)
        final = _final(*where, text, is_interrupted=interrupted, verdict=verdict)
        try:
            return Ended(_stored(message_id, len(text), final, silent_since, note), final.error)
        except _Grown:
            continue
    raise Unavailable("More is appended all the time")


def _final(room_id: int, author_id: Any, text: str, *, is_interrupted: bool, verdict: Verdict | None) -> _Final:
    """What the message is to have: nothing but what may be posted."""
    error: ChatError | None = None
    if author_id is not None and not names.is_blank(text):
        try:
            text = stream_content(hooks.check_post(author_id, room_id, text))
        except Unavailable:
            raise
        except ChatError as refused:
            text, error = "", refused
    found = filters.verdict(text) if text else None
    if found is not None and found.refusal() is not None:
        text, error = _allowed(text), Filtered()
    return _Final(text, is_interrupted or error is not None or names.is_blank(text), verdict or found, error)


def _allowed(text: str) -> str:
    """What was allowed of a text as it came: all but its last word. Nothing, if the phrase is new."""
    checked = phrases.without_last_word(text)
    return "" if filters.refusing(checked) else checked


def _stored(
    message_id: int, length: int, final: _Final, silent_since: datetime | None, note: Note
) -> StoredMessage | None:
    """Stores it and does what its phrase asks for; raises _Grown where there is more of the text."""
    is_done = False

    def ended(message: Message, seq: int) -> Values:
        nonlocal is_done
        if message.stream != OPEN:
            return {}
        stream = Stream.objects.select_for_update().filter(pk=message_id).first()
        if stream is not None and silent_since is not None and stream.touched_at >= silent_since:
            return {}
        if stream is not None and stream.length != length:
            raise _Grown
        is_done = True
        StreamPart.objects.filter(message_id=message_id).delete()
        Stream.objects.filter(pk=message_id).delete()
        note(message)
        stream_state = INTERRUPTED if final.is_interrupted else None
        return {"content": final.text, "stream": stream_state, "whole_seq": seq} | _mentioned(message, final.text)

    with transaction.atomic():
        stored = changes.change(message_id, ended, signals.message_posted)
        if is_done and stored is not None:
            publish_after_commit(lambda: mentions.notices([stored]))
            if final.verdict is not None:
                _act(stored, final.verdict)
    return stored


def _mentioned(message: Message, text: str) -> Values:
    """Whom the text mentions, as new values of the message's fields."""
    may_mention = Bot.objects.filter(pk=message.author_id, may_mention=True).exists()
    new = NewMessage(message.room_id, message.author_id, text, bot=True, bot_mentions=may_mention)
    return mentions.edited(message, new).values


def _act(message: StoredMessage, verdict: Verdict) -> None:
    if verdict.action is FilterPhrase.Action.REPORT:
        report_by_filter(message=message, phrase=verdict.phrase)
    elif verdict.action is FilterPhrase.Action.MUTE and message.author_id is not None:
        mute_authors({(message.room_id, message.author_id): verdict.muted_until()})


def interrupt_idle() -> None:
    """Ends those of which nothing has come for CHAT_STREAM_IDLE_S: their bots have died. Any process may do it."""
    if not conf.CHAT_STREAM_IDLE_S:
        return
    edge = timezone.now() - timedelta(seconds=conf.CHAT_STREAM_IDLE_S)
    for message_id in list(Stream.objects.filter(touched_at__lt=edge).values_list("pk", flat=True)):
        try:
            finish(message_id, interrupted=True, silent_since=edge)
        except ChatError as error:
            log.warning("streams.not_interrupted", message=message_id, code=error.code)
