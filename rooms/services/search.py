"""Searching messages of one's own rooms, and keeping the search up to what was committed.

A room's changes are read as by a client that resumes, so edits and deletions arrive as new messages do. What is found
is read from the messages themselves and compared again: nothing is shown that was changed or deleted a moment ago.
"""

import time
from collections.abc import Container, Iterator
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F, PositiveBigIntegerField
from django.db.models.functions import Coalesce

from rooms import access, people, searches, storage, words
from rooms.conf import conf
from rooms.errors import BadFrame, Forbidden
from rooms.models import IndexedRoom, Membership, Message, Room
from rooms.protocol.commands.search import FOUND_DEFAULT, FOUND_MAX
from rooms.protocol.frames.search import Part, SearchResult
from rooms.searches import Search
from rooms.services import messages
from rooms.services.changes import message_frame
from rooms.services.readable import Everything, Public, Readable
from rooms.storage import BulkDeleted, StoredMessage, search
from rooms.storage.search import FILE, LINK, Indexed

READ_AT_ONCE = 200  # candidates that are compared
LAST_ID = 2**62
SLACK = 1_000  # ids: so far apart may messages be of which the later one was committed first
CHANGES_AT_ONCE = 100  # in one transaction, for which other writers wait
ROOMS_AT_ONCE = 100
SNIPPET_CHARS, BEFORE_HIT_CHARS = 160, 40
NONE = Membership.Role.NONE


class Hit(NamedTuple):
    """A message, and where in its text the words stand."""

    message: StoredMessage
    places: list[tuple[int, int]]


class Page(NamedTuple):
    results: list[SearchResult]
    next: str | None  # the `before` of the next page


# --- Searching --------------------------------------------------------------------------------------------------------
def search_messages(
    *, user_id: Any, query: str, name: str | None = None, before: str | None = None, limit: int = FOUND_DEFAULT
) -> Page:
    """The newest messages that match, of the rooms in which the user is a member, or of one that they may read.

    Raises BadFrame, NoSuchRoom, Banned, Forbidden where there is no search, Unavailable for one that takes too long.
    """
    if not conf.CHAT_SEARCH_SHARE:
        raise Forbidden("There is no search here")
    wanted, edge, limit = searches.parse(query), _edge(before), min(limit, FOUND_MAX)
    rooms = _rooms(user_id, name or wanted.room)
    author_id = people.find(wanted.author) if wanted.author is not None else None
    if not rooms or (wanted.author is not None and author_id is None):
        return Page([], None)
    readable = Readable(user_id)
    with search.searching():
        found = list(islice(_hits(wanted, rooms, readable, author_id, edge), limit + 1))
    shown = found[:limit]
    whole = readable.whole([hit.message for hit in shown])
    results = [
        SearchResult(message_frame(whole[hit.message.id]), snippet(hit.message.content, hit.places)) for hit in shown
    ]
    return Page(results, str(shown[-1].message.id) if len(found) > len(shown) else None)


def search_everywhere(*, query: str, rooms: list[int] | None, private: bool, limit: int) -> list[int]:
    """For staff: the ids of the newest messages that match, of these rooms or of all; without `private` of public ones.

    Raises BadFrame, Unavailable for one that takes too long.
    """
    wanted = searches.parse(query)
    author_id = people.find(wanted.author) if wanted.author is not None else None
    if wanted.room is not None:
        named = Room.objects.filter(name=wanted.room)
        rooms = list((named if rooms is None else named.filter(pk__in=rooms)).values_list("pk", flat=True))
    if rooms == [] or (wanted.author is not None and author_id is None):
        return []
    with search.searching():
        hits = _hits(wanted, rooms, Everything() if private else Public(), author_id, LAST_ID)
        return [hit.message.id for hit in islice(hits, limit)]


def _edge(before: str | None) -> int:
    key = LAST_ID if before is None else messages.key(before)
    if key is None:
        raise BadFrame("`before` is the `next` of a page")
    return key


def _rooms(user_id: Any, name: str | None) -> list[int]:
    """The rooms to be searched: one that the user may read, or those of which they are a member."""
    if name is not None:
        return [access.room(user_id, name).room_id]
    mine = Membership.objects.filter(user_id=user_id, room__removed_at=None).exclude(role=NONE)
    return list(mine.values_list("room_id", flat=True))


def _hits(
    wanted: Search, rooms: list[int] | None, readable: Container[StoredMessage], author_id: Any, before: int
) -> Iterator[Hit]:
    keys, end = _keys(wanted, author_id), time.monotonic() + search.TIMEOUT_S
    above = search.first_id_since(wanted.since) - SLACK if wanted.since else 0
    edge = min(before, search.first_id_since(wanted.until) + SLACK) if wanted.until else before
    while ids := search.found(keys, rooms, before=edge, above=above, limit=READ_AT_ONCE):
        for message in search.messages_by_id(ids):
            if not _matches(wanted, author_id, message):
                continue
            places = words.places(words.words(words.composed(message.content)), wanted.phrases)
            if places is not None and message in readable:
                yield Hit(message, places)
        edge = ids[-1]
        if time.monotonic() > end:
            raise search.too_long()


def _keys(wanted: Search, author_id: Any) -> list[str]:
    keys = [search.key_of_word(key) for key in sorted(wanted.keys)]
    if author_id is not None:
        keys.append(search.key_of_author(author_id))
    return [*keys, *([LINK] if wanted.has_link else []), *([FILE] if wanted.has_file else [])]


def _matches(wanted: Search, author_id: Any, message: StoredMessage) -> bool:
    return (
        message.deleted_at is None
        and (author_id is None or message.author_id == author_id)
        and (wanted.since is None or message.created_at >= wanted.since)
        and (wanted.until is None or message.created_at < wanted.until)
        and (not wanted.has_link or words.has_link(message.content))
        and (not wanted.has_file or bool(message.file_count))
    )


def snippet(content: str, places: list[tuple[int, int]]) -> list[Part]:
    """The beginning of a text, or what stands around the first hit, cut into what was searched for and what was not."""
    text = words.composed(content)
    start = max(0, places[0][0] - BEFORE_HIT_CHARS) if places else 0
    if start:  # at the beginning of a word, where there are blanks
        start = text.find(" ", start - 1, places[0][0]) + 1 or start
    end, at, parts = start + SNIPPET_CHARS, start, []
    for begin, stop in places:
        if begin < at or stop > end:
            continue
        parts += [Part(text[at:begin], hit=False), Part(text[begin:stop], hit=True)]
        at = stop
    parts.append(Part(text[at:end], hit=False))
    return [part for part in parts if part.text]


# --- Keeping it up ----------------------------------------------------------------------------------------------------
def rooms_behind() -> dict[int, int]:
    """Rooms with changes that the search does not know yet, some of them if there are many, and how many changes."""
    known = Coalesce("indexed__seq", 0, output_field=PositiveBigIntegerField())
    behind = Room.objects.annotate(changes=F("last_seq") - known).filter(removed_at=None, changes__gt=0)
    return dict(behind.values_list("pk", "changes")[:ROOMS_AT_ONCE])


def index_room(*, room_id: int) -> bool:
    """Brings some of a room's changes into the search; False when it knows all.

    They are read before the transaction, so that other writers wait for the index alone. Where two processes do the
    same, one finds that it has been done.
    """
    head, rows = storage.room_head(room_id=room_id), IndexedRoom.objects.filter(room_id=room_id)
    known = rows.values_list("seq", flat=True).first()
    if head is None or head.last_seq <= (known or 0):
        return False
    if known is None:
        IndexedRoom.objects.bulk_create([IndexedRoom(room_id=room_id)], ignore_conflicts=True)
        known = 0
    changed = storage.changes(room_id=room_id, after=known, limit=CHANGES_AT_ONCE)
    is_last = len(changed) < CHANGES_AT_ONCE
    complete = max([head.last_seq, *(one.changed_seq for one in changed)]) if is_last else changed[-1].changed_seq
    deletions = storage.bulk_deletions(room_id=room_id, after=known, up_to=complete)
    gone = [key for deleted in deletions for key in _deleted_at_once(room_id, deleted)]
    entries = [_entry(message) for message in changed]
    with transaction.atomic():
        if rows.filter(seq=known).update(seq=complete):
            search.index(_unchanged(entries))
            search.unindex(gone)
    return not is_last


def _unchanged(entries: list[Indexed]) -> list[Indexed]:
    """Without the keys of messages that were erased since they were read, or are being changed at this moment.

    Their rows stay locked: whoever erases them next takes their keys away after that.
    """
    skip_locked = connection.features.has_select_for_update_skip_locked
    no_key = connection.features.has_select_for_no_key_update
    rows = Message.objects.select_for_update(skip_locked=skip_locked, no_key=no_key).filter(deleted_at=None)
    there = set(rows.filter(pk__in=[one.message_id for one in entries]).values_list("pk", flat=True))
    return [one if one.message_id in there else one._replace(keys=()) for one in entries]


def _entry(message: StoredMessage) -> Indexed:
    if message.deleted_at is not None or message.event is not None:
        return Indexed(message.id, message.room_id, ())
    keys = {search.key_of_word(key) for key in words.keys(words.words(words.composed(message.content)))}
    keys.add(search.key_of_author(message.author_id))
    if words.has_link(message.content):
        keys.add(LINK)
    if message.file_count:
        keys.add(FILE)
    return Indexed(message.id, message.room_id, keys)


def _deleted_at_once(room_id: int, deleted: BulkDeleted) -> list[int]:
    if not deleted.user_key:
        return storage.message_ids(deleted)
    theirs = Message.objects.filter(room_id=room_id, author_id=people.key_field().to_python(deleted.user_key))
    return list(theirs.filter(deleted_at__isnull=False).values_list("pk", flat=True))
