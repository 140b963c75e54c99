"""Reactions to messages: set and taken away, many in one transaction, and read.

A reaction is a change of its message: it takes the room's next seq, and who resumes is sent the message as it is now.
Kinds are counted under the room's lock, so that two at once cannot exceed their limit.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from rooms import access, emojis, people, storage
from rooms.access import Action, refusal
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import BadFrame, Blocked, ChatError, Conflict, NoSuchMessage
from rooms.live import topics
from rooms.live.events import Event
from rooms.live.write_queue import Held
from rooms.models import Message, Reaction, Room
from rooms.protocol.codec import encode
from rooms.protocol.commands.reactions import REACTIONS_MAX
from rooms.protocol.frames.base import DELETED_USER, UserRef
from rooms.protocol.frames.changes import MessageDeleted
from rooms.protocol.frames.reactions import Reacted, ReactionOf
from rooms.protocol.rules import timestamp
from rooms.services import messages, slow_mode
from rooms.services.posting import MODERATES
from rooms.services.publishing import publish_after_commit
from rooms.storage import NewMessage, RoomAccess

REACTABLE = frozenset(Message.Kind.values) - {Message.Kind.SYSTEM.value}  # what people have written


class NewReaction(msgspec.Struct, frozen=True):
    """An emoji, in its full spelling, that somebody who may know of the message sets or takes away."""

    room_id: int
    message_id: int
    user_id: Any
    emoji: str
    on: bool
    moderates: bool = False  # its user moderates every room


class Change(msgspec.Struct, frozen=True):
    """Where a message stands after a reaction; no event: it was so already."""

    room_name: str
    id: int
    seq: int
    changed_seq: int
    event: Event | None = None


Answer = Change | ChatError


def new_reaction(*, actor: Actor, name: str, message_id: str, emoji: str, on: bool) -> NewReaction:
    """What a command asks for. Raises BadFrame, NoSuchRoom, NoSuchMessage and what refuses it at this moment."""
    spelled = emojis.spelled(emoji)
    if spelled is None:
        raise BadFrame("`emoji` is one emoji")
    room = access.authorize(actor, name, Action.REACT)
    key = messages.key(message_id)
    if key is None:
        raise NoSuchMessage
    return NewReaction(room.room_id, key, actor.user_id, spelled, on, "moderator" in actor.roles)


def react(*, actor: Actor, name: str, message_id: str, emoji: str, on: bool) -> Change:
    """Sets an emoji at a message or takes it away. Raises the same, Muted, Blocked, and Conflict for too many kinds."""
    new = new_reaction(actor=actor, name=name, message_id=message_id, emoji=emoji, on=on)
    with transaction.atomic():
        [answer] = store_reactions([new])
        if isinstance(answer, ChatError):
            raise answer
        event = answer.event
        if event is not None:
            publish_after_commit(lambda: [event])
    return answer


def store_reactions(new: Sequence[NewReaction], *, wait: bool = True) -> list[Answer]:
    """Stores a list in one transaction and broadcasts nothing; answers each.

    Without `wait` those for a room that another transaction has locked are answered Held, and delay nothing.
    """
    with transaction.atomic():
        locked = slow_mode.lock_rooms({one.room_id for one in new}, wait=wait)
        here = [one for one in new if one.room_id in locked]
        found = iter(_stored(here)) if here else iter(())
        return [next(found) if one.room_id in locked else Held() for one in new]


def _stored(new: Sequence[NewReaction]) -> list[Answer]:
    asked = [NewMessage(one.room_id, one.user_id, "") for one in new]
    accesses = [context.access for context in storage.dialect().lookup(asked)]
    refusals = _refusals(new, accesses)
    book = _Book(new)
    answers = [error or book.apply(one, room) for one, room, error in zip(new, accesses, refusals, strict=True)]
    book.write()
    return answers


def _refusals(new: Sequence[NewReaction], accesses: Sequence[RoomAccess | None]) -> list[ChatError | None]:
    now = timezone.now()
    direct = {
        (one.room_id, one.user_id)
        for one, room in zip(new, accesses, strict=True)
        if room is not None and room.kind == Room.Kind.DIRECT and not one.moderates
    }
    blocked = storage.blocked_authors(direct) if direct else set()
    return [
        refusal(room, Action.REACT, now, MODERATES if one.moderates else ())
        or (Blocked() if (one.room_id, one.user_id) in blocked else None)
        for one, room in zip(new, accesses, strict=True)
    ]


class _Kind:
    """One emoji at one message."""

    def __init__(self, count: int, seq: int) -> None:
        self.count, self.seq = count, seq


class _Book:
    """The reactions to some messages of locked rooms, as they become one by one; written at the end."""

    def __init__(self, new: Sequence[NewReaction]) -> None:
        self._messages = Message.objects.in_bulk({one.message_id for one in new})
        self._seqs = dict(Room.objects.filter(pk__in={one.room_id for one in new}).values_list("pk", "last_seq"))
        self._kinds: dict[int, dict[str, _Kind]] = {key: {} for key in self._messages}
        for message_id, emoji, count, seq in storage.reaction_kinds(list(self._messages)):
            self._kinds[message_id][emoji] = _Kind(count, seq)
        users = {one.user_id for one in new}
        mine = Reaction.objects.filter(message_id__in=self._messages, user_id__in=users)
        self._stored = {(row.message_id, row.user_id, row.emoji): row.pk for row in mine}
        self._set: dict[tuple[int, Any, str], Reaction] = {}
        self._taken: list[int] = []
        self._changed: set[int] = set()
        self._shown = people.lookup(users) if people.by_function() else {}

    def apply(self, one: NewReaction, room: RoomAccess | None) -> Answer:
        message = self._messages.get(one.message_id)
        if room is None or message is None or not _is_reactable(message, one, room):
            return NoSuchMessage()
        key = (message.pk, one.user_id, one.emoji)
        if (key in self._set or key in self._stored) == one.on:
            return Change(room.name, message.pk, message.seq, message.changed_seq)
        kinds = self._kinds[message.pk]
        if one.on and one.emoji not in kinds and 0 < conf.CHAT_REACTION_KINDS <= len(kinds):
            return Conflict(f"A message takes {conf.CHAT_REACTION_KINDS} different emojis at most")
        seq = self._seqs[one.room_id] = self._seqs[one.room_id] + 1
        message.changed_seq = seq
        count = self._add(one, seq) if one.on else self._take(one)
        message.reaction_count += 1 if one.on else -1
        self._changed.add(message.pk)
        return Change(room.name, message.pk, message.seq, seq, self._event(one, room, message, count))

    def _add(self, one: NewReaction, seq: int) -> int:
        kind = self._kinds[one.message_id].setdefault(one.emoji, _Kind(0, seq))
        kind.count += 1
        self._set[one.message_id, one.user_id, one.emoji] = Reaction(
            message_id=one.message_id, user_id=one.user_id, emoji=one.emoji, kind_seq=kind.seq
        )
        return kind.count

    def _take(self, one: NewReaction) -> int:
        key = (one.message_id, one.user_id, one.emoji)
        if self._set.pop(key, None) is None:
            self._taken.append(self._stored.pop(key))
        kinds = self._kinds[one.message_id]
        kinds[one.emoji].count -= 1
        return kinds[one.emoji].count or kinds.pop(one.emoji).count

    def _event(self, one: NewReaction, room: RoomAccess, message: Message, count: int) -> Event:
        shown = self._shown.get(one.user_id, people.Shown(room.username or ""))
        place: dict[str, Any] = {
            "room_id": room.name,
            "message_id": str(message.pk),
            "seq": message.seq,
            "changed_seq": message.changed_seq,
        }
        user = UserRef(str(one.user_id), shown.name, shown.avatar)
        frame = Reacted(**place, user=user, emoji=one.emoji, on=one.on, count=count)
        hidden = encode(MessageDeleted(**place))
        topic = topics.of_room(one.room_id)
        return Event(topic, encode(frame), message.changed_seq, of=message.seq, hidden=hidden)

    def write(self) -> None:
        if not self._changed:
            return
        Reaction.objects.filter(pk__in=self._taken).delete()
        Reaction.objects.bulk_create(self._set.values())
        changed = [self._messages[key] for key in self._changed]
        for message in changed:
            fields = {"changed_seq": message.changed_seq, "reaction_count": message.reaction_count}
            Message.objects.filter(pk=message.pk).update(**fields)
        for room_id in {message.room_id for message in changed}:
            Room.objects.filter(pk=room_id).update(last_seq=self._seqs[room_id])


def _is_reactable(message: Message, one: NewReaction, room: RoomAccess) -> bool:
    is_here = message.room_id == one.room_id and message.seq > room.visible_from_seq
    return is_here and message.deleted_at is None and message.kind in REACTABLE


# --- Reading ----------------------------------------------------------------------------------------------------------
def page(
    *, actor: Actor, name: str, message_id: str, limit: int, after: str | None = None
) -> tuple[list[ReactionOf], str | None]:
    """The reactions to a message, the first ones first, beginning after one; and where the next page begins.

    Raises NoSuchRoom, Banned, NoSuchMessage.
    """
    room = access.authorize(actor, name, Action.READ)
    message = messages.find(room, message_id)
    limit, above = min(limit, REACTIONS_MAX), messages.key(after or "") or 0
    rows = list(Reaction.objects.filter(message_id=message.id, pk__gt=above).order_by("pk")[: limit + 1])
    shown = people.lookup(row.user_id for row in rows if row.user_id is not None)
    found = [ReactionOf(_user(row.user_id, shown), row.emoji, timestamp(row.created_at)) for row in rows[:limit]]
    return found, str(rows[limit - 1].pk) if len(rows) > limit else None


def _user(user_id: Any, shown: dict[Any, people.Shown]) -> UserRef:
    person = shown.get(user_id)
    return UserRef(str(user_id), person.name, person.avatar) if person else UserRef("0", DELETED_USER)
