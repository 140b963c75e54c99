"""The pieces of texts that are being written: stored behind each other, and read together.

A piece names the offset at which it begins, in characters. So one that is sent again changes nothing, and none is lost
unseen. What a process has gathered of many texts is one transaction, under the locks of their `Stream` rows alone:
messages of their rooms do not wait for it.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from django.db import transaction
from django.utils import timezone

from rooms import phrases, storage
from rooms.access import Action, refusal
from rooms.conf import conf
from rooms.errors import BadFrame, Blocked, ChatError, Conflict, Filtered, NoSuchMessage, StreamOver, TooLarge
from rooms.live import topics
from rooms.live.events import Event
from rooms.models import Message, Stream, StreamPart
from rooms.protocol.codec import encode
from rooms.protocol.frames.streams import MessageAppended
from rooms.services import blocks, filters
from rooms.services.filters import Verdict
from rooms.services.messages import key
from rooms.services.posting import MODERATES
from rooms.storage import NewMessage

LOOKED_BACK_CHARS = 500  # for a phrase that began in what was stored before: the longest has 60


class NewPart(msgspec.Struct, frozen=True):
    """A piece of a text that its author writes."""

    room_id: int
    message_id: int
    author_id: Any
    offset: int
    text: str
    moderates: bool = False


class Appended(msgspec.Struct, frozen=True):
    """Where a text stands: `offset` is where its next piece begins."""

    room_name: str
    message_id: int
    seq: int
    offset: int


Answer = Appended | ChatError


class Written(NamedTuple):
    answers: list[Answer]
    events: list[Event]
    refused: dict[int, Verdict]  # texts that had a phrase: nothing of these was stored


def new_part(
    *, room_id: int, author_id: Any, message_id: str, offset: int, text: str, moderates: bool = False
) -> NewPart:
    """Raises NoSuchMessage, BadFrame."""
    found = key(message_id)
    if found is None:
        raise NoSuchMessage
    if "\0" in text:
        raise BadFrame("A text must not contain NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadFrame("A text is not valid Unicode") from None
    return NewPart(room_id, found, author_id, offset, text, moderates)


def write(parts: Sequence[NewPart]) -> Written:
    """Stores pieces in one transaction, and answers each. The events are to be published after the commit."""
    with transaction.atomic():
        book = _Book(parts)
        answers = [book.add(part) for part in parts]
        refused = book.refused()
        events = book.store(without=refused)
    final = [Filtered() if part.message_id in refused else answer for part, answer in zip(parts, answers, strict=True)]
    return Written(final, events, refused)


def texts(message_ids: Collection[int]) -> dict[int, str]:
    """What has arrived of these texts; those of which nothing has are not there."""
    found: dict[int, list[str]] = {}
    rows = StreamPart.objects.filter(message_id__in=message_ids).order_by("message_id", "offset")
    for message_id, text in rows.values_list("message_id", "text"):
        found.setdefault(message_id, []).append(text)
    return {message_id: "".join(parts) for message_id, parts in found.items()}


def text(message_id: int) -> str:
    return texts([message_id]).get(message_id, "")


def event(stream: Stream, offset: int, added: str) -> Event:
    """What the members of a room receive of a piece; who may not see the message receives nothing."""
    message = stream.message
    frame = MessageAppended(
        room_id=stream.room.name, message_id=str(message.pk), seq=message.seq, offset=offset, text=added
    )
    return Event(topics.of_room(stream.room_id), encode(frame), of=message.seq)


class _Text:
    """One of the texts, as it becomes piece by piece."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.length, self.added = stream, stream.length, ""
        self._before: str | None = None

    @property
    def before(self) -> str:
        """What is stored."""
        if self._before is None:
            self._before = text(self.stream.pk) if self.stream.length else ""
        return self._before

    def add(self, part: NewPart) -> Answer:
        if part.offset > self.length:
            return Conflict(f"The text ends at {self.length}", offset=self.length)
        known = min(len(part.text), self.length - part.offset)
        if known and (self.before + self.added)[part.offset : part.offset + known] != part.text[:known]:
            return Conflict("Another text is there already", offset=self.length)
        new, limit = part.text[known:], conf.CHAT_MAX_STREAM_CHARS
        if 0 < limit < self.length + len(new):
            return TooLarge(f"A text has {limit} characters at most")
        self.added += new
        self.length += len(new)
        return Appended(self.stream.room.name, self.stream.pk, self.stream.message.seq, self.length)

    def verdict(self) -> Verdict | None:
        """Which phrase refuses what is new. The last word is left out: it may go on."""
        if not self.added or not filters.are_any():
            return None
        begin = max(0, len(phrases.without_last_word(self.before)) - LOOKED_BACK_CHARS)
        if begin:  # at the beginning of a word, where there are blanks
            begin = max(begin, self.before.find(" ", begin))
        return filters.refusing(phrases.without_last_word((self.before + self.added)[begin:]))


class _Book:
    """The texts that some pieces belong to, locked."""

    def __init__(self, parts: Sequence[NewPart]) -> None:
        wanted = {part.message_id for part in parts}
        locked = Stream.objects.select_for_update(of=("self",)).select_related("message", "room").order_by("pk")
        self._texts = {stream.pk: _Text(stream) for stream in locked.filter(pk__in=wanted)}
        self._ended = _authors(wanted - self._texts.keys())
        self._refusals = _refusals(parts)

    def add(self, part: NewPart) -> Answer:
        found = self._texts.get(part.message_id)
        if found is None:
            is_own = self._ended.get(part.message_id) == (part.room_id, part.author_id)
            return StreamOver() if is_own else NoSuchMessage()
        if (found.stream.room_id, found.stream.author_id) != (part.room_id, part.author_id):
            return NoSuchMessage()
        return self._refusals[part.room_id, part.author_id] or found.add(part)

    def refused(self) -> dict[int, Verdict]:
        verdicts = {found.stream.pk: found.verdict() for found in self._texts.values()}
        return {message_id: verdict for message_id, verdict in verdicts.items() if verdict is not None}

    def store(self, *, without: Collection[int]) -> list[Event]:
        kept = [found for found in self._texts.values() if found.stream.pk not in without]
        grown = [found for found in kept if found.added]
        StreamPart.objects.bulk_create(
            StreamPart(message_id=found.stream.pk, offset=found.stream.length, text=found.added) for found in grown
        )
        events = [event(found.stream, found.stream.length, found.added) for found in grown]
        now = timezone.now()
        for found in kept:
            found.stream.length, found.stream.touched_at = found.length, now
        Stream.objects.bulk_update([found.stream for found in kept], ["length", "touched_at"])
        return events


def _authors(message_ids: Collection[int]) -> dict[int, tuple[int, Any]]:
    """Room and author of messages that are not being written."""
    rows = Message.objects.filter(pk__in=message_ids).values_list("pk", "room_id", "author_id") if message_ids else ()
    return {message_id: (room_id, author_id) for message_id, room_id, author_id in rows}


def _refusals(parts: Iterable[NewPart]) -> dict[tuple[int, Any], ChatError | None]:
    """What refuses each author in each room now, as it would an edit."""
    pairs = {(part.room_id, part.author_id): part.moderates for part in parts}
    asked = [NewMessage(*pair, "", moderates=moderates) for pair, moderates in pairs.items()]
    contexts, now = storage.dialect().lookup(asked), timezone.now()
    blocked = blocks.blocked(asked, contexts)
    return {
        pair: refusal(context.access, Action.EDIT, now, MODERATES if moderates else ())
        or (Blocked() if pair in blocked else None)
        for (pair, moderates), context in zip(pairs.items(), contexts, strict=True)
    }
