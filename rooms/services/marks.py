"""How far members have read: one mark for each member and room.

A mark moves forward by reading, and back only when its owner marks something as unread, which raises its version: what
was read before that, and comes late, moves nothing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Least
from django.utils import timezone

from rooms import access, people, storage
from rooms.access import Action, refusal
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import ChatError, Forbidden, Unavailable
from rooms.live import control, topics
from rooms.live.control import Notification
from rooms.live.events import Event
from rooms.models import HiddenReader, Membership
from rooms.people import Shown
from rooms.protocol.codec import encode
from rooms.protocol.commands.marks import READERS_DEFAULT, READERS_MAX
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.marks import ReadMarker, Unread
from rooms.services import messages
from rooms.services.changes import person
from rooms.services.members import GONE, user_key
from rooms.services.publishing import publish_after_commit
from rooms.storage import Mark, MarkedRoom, RoomAccess

NO_MEMBER = "Only members of a room have a mark in it"
NONE = Membership.Role.NONE


class Wish(NamedTuple):
    """To have read a room up to a seq. `version` is that of the mark the reader knows; None: the present one.

    `connection_id` is the one that asks, which is not sent the new mark.
    """

    room_id: int
    user_id: Any
    seq: int
    version: int | None = None
    connection_id: str = ""


class Marked(NamedTuple):
    """A mark as it is now."""

    room_name: str
    seq: int
    version: int


class ReaderPage(msgspec.Struct, frozen=True):
    """`count` of the `of` members who could have, have read a message; some of them, and the `after` of the next."""

    count: int
    of: int
    users: list[UserRef]
    next: str | None


# --- Reading ----------------------------------------------------------------------------------------------------------
def mark_read(wishes: list[Wish], *, crowded: Collection[int] = ()) -> list[Marked | ChatError]:
    """Moves marks forward, all by one statement; answers each wish with the mark, or with what refuses it.

    Nobody has read what is not written yet: a seq above the room's last one counts as that. In `crowded` rooms, and
    above CHAT_MAX_RECEIPT_MEMBERS, only the reader's own connections are sent the new mark.
    """
    limit = conf.CHAT_MAX_RECEIPT_MEMBERS
    pairs = {(wish.room_id, wish.user_id) for wish in wishes}
    found = {(room.room_id, room.user_id): room for room in storage.marked_rooms(pairs, members=limit)}
    refused = {pair: _refusal(found.get(pair)) for pair in pairs}
    furthest = _furthest(wishes, found)
    wanted = [
        Mark(*pair, found[pair].read_version, wish.seq) for pair, wish in furthest.items() if refused[pair] is None
    ]
    moved = storage.move_marks(wanted) if wanted else set()
    seqs = {pair: furthest[pair].seq for pair in moved}
    quiet = {pair for pair in moved if found[pair].members > limit > 0 or pair[0] in crowded}
    publish_after_commit(lambda: _events([(found[pair], furthest[pair]) for pair in moved], quiet))
    return [
        refused[pair] or Marked(found[pair].name, seqs.get(pair, found[pair].read_seq), found[pair].read_version)
        for pair in ((wish.room_id, wish.user_id) for wish in wishes)
    ]


def mark_one_read(
    *,
    actor: Actor,
    name: str,
    seq: int,
    version: int | None = None,
    counts: Callable[[list[int]], Mapping[int, int]],
) -> Marked:
    """The same for one reader, at once. `counts` says how many people are where.

    Raises NoSuchRoom, Banned, Forbidden.
    """
    room = member_of(actor, name)
    wishes = [Wish(room.room_id, actor.user_id, seq, version)]
    [answer] = mark_read(wishes, crowded=crowded([room.room_id], counts))
    if isinstance(answer, ChatError):
        raise answer
    return answer


def crowded(room_ids: Collection[int], counts: Callable[[list[int]], Mapping[int, int]]) -> set[int]:
    """Those of these rooms that are not sent who has read what: too many people are there, or nobody knows how many."""
    limit = conf.CHAT_MAX_RECEIPT_MEMBERS
    if not limit:
        return set()
    try:
        found = counts(list(room_ids))
    except Unavailable:
        return set(room_ids)
    return {room_id for room_id in room_ids if found[room_id] > limit}


def _refusal(room: MarkedRoom | None) -> ChatError | None:
    return refusal(room, Action.MARK, timezone.now())


def _furthest(wishes: Iterable[Wish], found: dict[tuple[int, Any], MarkedRoom]) -> dict[tuple[int, Any], Wish]:
    """Of each member the wish that moves their mark furthest, if one does."""
    furthest: dict[tuple[int, Any], Wish] = {}
    for wish in wishes:
        pair = (wish.room_id, wish.user_id)
        room = found.get(pair)
        if room is None or (wish.version is not None and wish.version < room.read_version):
            continue
        seq = min(wish.seq, room.last_seq)
        if seq > (furthest[pair].seq if pair in furthest else room.read_seq):
            furthest[pair] = wish._replace(seq=seq)
    return furthest


def _events(moved: list[tuple[MarkedRoom, Wish]], quiet: set[tuple[int, Any]]) -> list[Event]:
    """What others are sent of these marks: an event for each in its room, and one for all own connections elsewhere."""
    shown = people.lookup(wish.user_id for _, wish in moved) if people.by_function() else {}
    events, own = [], []
    for room, wish in moved:
        reader = shown.get(wish.user_id, Shown(room.username or ""))
        frame = encode(_marker(room.name, UserRef(str(wish.user_id), *reader), wish.seq, room.read_version))
        is_private = room.is_hidden or (wish.room_id, wish.user_id) in quiet
        if not is_private:
            events.append(Event(topics.of_room(room.room_id), frame, skip=wish.connection_id))
        besides = 0 if is_private else room.room_id
        own.append(Notification(str(wish.user_id), frame.decode(), besides=besides, skip=wish.connection_id))
    return [*events, control.event(control.Notifications(own))] if own else []


def _marker(room_name: str, user: UserRef, seq: int, version: int) -> ReadMarker:
    return ReadMarker(room_id=room_name, user=user, seq=seq, version=version)


def mark_unread(*, actor: Actor, name: str, seq: int, connection_id: str = "") -> Marked:
    """Moves the actor's mark back to `seq`, if it is further, and begins another version of it.

    Raises NoSuchRoom, Banned, Forbidden. Nobody but the actor's own connections is sent it.
    """
    room = member_of(actor, name)
    with transaction.atomic():
        mine = Membership.objects.filter(room_id=room.room_id, user_id=actor.user_id).exclude(role=NONE)
        if not mine.update(read_seq=Least(F("read_seq"), seq), read_version=F("read_version") + 1):
            raise Forbidden(NO_MEMBER)
        now, version = mine.values_list("read_seq", "read_version").get()
        user = person(actor.user_id) or UserRef(str(actor.user_id), actor.username)
        frame = encode(_marker(room.name, user, now, version)).decode()
        own = Notification(str(actor.user_id), frame, skip=connection_id)
        publish_after_commit(lambda: [control.event(own)])
    return Marked(room.name, now, version)


def member_of(actor: Actor, name: str) -> RoomAccess:
    """The room of this name, which the actor is a member of; raises NoSuchRoom, Banned, Forbidden."""
    room = access.authorize(actor, name, Action.MARK)
    if room.role is None:  # who moderates the whole chat
        raise Forbidden(NO_MEMBER)
    return room


# --- What is not read -------------------------------------------------------------------------------------------------
def unread(*, user_id: Any) -> list[Unread]:
    """Of each room that the user is a member of, by name: how far they have read, and how much is above that.

    Counted are messages of others that are neither deleted nor hidden from the user; never what seqs say, which edits
    take too.
    """
    now = timezone.now()
    rooms = [
        room
        for room in storage.unread_rooms(user_id=user_id)
        if refusal(room, Action.MARK, now) is None and access.is_listed(user_id, room)
    ]
    return [
        Unread(
            room_id=room.name,
            unread=room.unread,
            mentions=room.mentions,
            read_seq=room.read_seq,
            version=room.read_version,
            head_seq=room.last_seq,
        )
        for room in sorted(rooms, key=lambda room: room.name)
    ]


# --- Who has read -----------------------------------------------------------------------------------------------------
def readers(
    *, actor: Actor, name: str, message_id: str, after: str | None = None, limit: int = READERS_DEFAULT
) -> ReaderPage:
    """A page of the members who have read a message, by their keys; raises NoSuchRoom, Banned, NoSuchMessage.

    Neither its author counts, nor who may not see it, nor who hides what they read.
    """
    room = access.authorize(actor, name, Action.READ)
    message = messages.find(room, message_id)
    could = Membership.objects.filter(room_id=room.room_id, visible_from_seq__lt=message.seq).exclude(role=NONE)
    could = could.exclude(user_id=message.author_id) if message.author_id is not None else could
    could = could.exclude(user_id__in=HiddenReader.objects.values("pk")).exclude(banned_until__gt=timezone.now())
    have = Q(read_seq__gte=message.seq)
    page = could.filter(have).order_by("user_id")
    if after is not None:
        page = page.filter(user_id__gt=user_key(after))
    limit = min(limit, READERS_MAX)
    ids = list(page.values_list("user_id", flat=True)[: limit + 1])
    shown = people.lookup(ids[:limit])
    users = [UserRef(str(key), *shown.get(key, GONE)) for key in ids[:limit]]
    return ReaderPage(could.filter(have).count(), could.count(), users, users[-1].id if len(ids) > limit else None)


# --- Hiding it --------------------------------------------------------------------------------------------------------
def hide_reads(*, user_id: Any, on: bool) -> None:
    """From now on nobody else learns what this user has read; with `on` false they do again."""
    if on:
        HiddenReader.objects.get_or_create(user_id=user_id)
    else:
        HiddenReader.objects.filter(user_id=user_id).delete()


def is_hidden(*, user_id: Any) -> bool:
    return HiddenReader.objects.filter(user_id=user_id).exists()
