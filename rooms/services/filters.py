"""The word filter: what messages and edits are checked for, and what becomes of those that have a phrase.

The phrases are kept in each process: its node reads them again when they change and at every poll, others when the last
reading is KEPT_S old. Nobody is exempt.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from rooms import phrases
from rooms.conf import conf
from rooms.errors import ChatError, Filtered
from rooms.live import control
from rooms.live.control import FiltersChanged
from rooms.models import FilterPhrase, Message
from rooms.phrases import Phrases
from rooms.services.moderation import mute_authors
from rooms.services.publishing import publish_after_commit
from rooms.services.reports import report_by_filter
from rooms.storage import NewMessage, StoredMessage

KEPT_S = 30.0  # a process with a node reads six times as often
Action = FilterPhrase.Action
SEVERITY = (Action.MUTE, Action.REFUSE, Action.REPORT)
Row = tuple[str, str, int]


class Verdict(NamedTuple):
    """What a message gets, and for which phrase."""

    action: Action
    phrase: str
    mute_minutes: int

    def refusal(self) -> ChatError | None:
        return None if self.action is Action.REPORT else Filtered()

    def muted_until(self) -> datetime:
        return timezone.now() + timedelta(minutes=self.mute_minutes)


class Filters:
    """The phrases as they were read."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._minutes = {phrase: minutes for phrase, _, minutes in rows}
        self._phrases = {action: Phrases(phrase for phrase, of, _ in rows if of == action) for action in Action}

    def verdict(self, content: str) -> Verdict | None:
        """The gravest that a phrase in this text asks for, unless it stands within one that is allowed."""
        text = phrases.folded(content)
        allowed = [place for _, place in self._phrases[Action.ALLOW].find(text)]
        for action in SEVERITY:
            for phrase, (start, end) in self._phrases[action].find(text):
                if not any(place.start <= start and end <= place.end for place in allowed):
                    return Verdict(action, phrase.written, self._minutes[phrase.written])
        return None


class _Kept(NamedTuple):
    filters: Filters
    until: float


_kept = _Kept(Filters([]), float("-inf"))


def verdicts(contents: Iterable[str]) -> list[Verdict | None] | None:
    """What each of these texts gets; None when none of them has a phrase."""
    if _kept.until < monotonic():
        reload()
    filters = _kept.filters
    if not filters.rows:
        return None
    found = [filters.verdict(content) for content in contents]
    return found if any(found) else None


def are_any() -> bool:
    """Whether there are phrases to look for."""
    if _kept.until < monotonic():
        reload()
    return bool(_kept.filters.rows)


def verdict(content: str) -> Verdict | None:
    """What this text gets."""
    return next(iter(verdicts([content]) or []), None)


def refusing(content: str) -> Verdict | None:
    """The same, if it is refused."""
    found = verdict(content)
    return found if found is not None and found.refusal() is not None else None


def reload() -> None:
    """Reads the phrases again."""
    global _kept  # noqa: PLW0603 - a process checks all its messages for the same phrases
    rows = list(FilterPhrase.objects.order_by("pk").values_list("phrase", "action", "mute_minutes"))
    _kept = _Kept(_kept.filters if rows == _kept.filters.rows else Filters(rows), monotonic() + KEPT_S)


def forget() -> None:
    """The next message is checked for what is stored then."""
    global _kept  # noqa: PLW0603 - the same
    _kept = _Kept(_kept.filters, float("-inf"))


def act(messages: Sequence[NewMessage], answers: Sequence[Any], found: Sequence[Verdict | None]) -> None:
    """Mutes the authors of messages that were refused for their phrase, and reports those that were stored.

    Part of the transaction in which these are stored.
    """
    mutes: dict[tuple[int, Any], datetime | None] = {}
    for new, answer, verdict in zip(messages, answers, found, strict=True):
        if verdict is None:
            continue
        if isinstance(answer, Filtered) and verdict.action is Action.MUTE:
            mutes[new.room_id, new.author_id] = verdict.muted_until()
        elif type(answer) is StoredMessage:
            report_by_filter(message=answer, phrase=verdict.phrase)
    mute_authors(mutes)


def refuse_edit(*, message_id: int, verdict: Verdict) -> None:
    """Raises Filtered, and mutes the author if that is what the phrase asks for; nothing for a deleted message."""
    message = Message.objects.filter(pk=message_id, deleted_at=None).values("room_id", "author_id").first()
    if message is None:
        return
    if verdict.action is Action.MUTE and message["author_id"] is not None:
        mute_authors({(message["room_id"], message["author_id"]): verdict.muted_until()})
    raise Filtered


def set_phrase(phrase: FilterPhrase) -> None:
    """Stores a new or changed phrase."""
    with transaction.atomic():
        phrase.save()
        _announce()


def is_full() -> bool:
    return 0 < conf.CHAT_FILTER_PHRASES <= FilterPhrase.objects.count()


def remove_phrases(*, ids: Sequence[int]) -> None:
    with transaction.atomic():
        FilterPhrase.objects.filter(pk__in=ids).delete()
        _announce()


def _announce() -> None:
    transaction.on_commit(forget)
    publish_after_commit(lambda: [control.event(FiltersChanged())])
