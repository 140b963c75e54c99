"""Whom a message mentions: names in its text and those named beside it, of members of its room; and `@room`.

A message also concerns the author of the one it answers. Nobody mentions themselves. Who is no member of the room is
not mentioned, and nobody learns from the answer whether there is such a user.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from rooms import mentions, names, people, storage
from rooms.conf import conf
from rooms.errors import BadFrame
from rooms.live import control
from rooms.live.events import Event
from rooms.models import Bot, Membership, Mention, Message
from rooms.people import key_field
from rooms.protocol.frames.base import UserRef
from rooms.storage import NewMessage, Quoted, RoomMember, StoredMessage

MEMBERS_READ = 5_000  # where names are compared one by one; in larger rooms text mentions nobody
LEADING = (Membership.Role.OWNER, Membership.Role.MODERATOR)
Pair = tuple[NewMessage, StoredMessage]
Group = tuple[RoomMember, ...]  # those who have a name: several, where a project's names are not unique


class Found(NamedTuple):
    """What was looked up for a list of messages: the names that may be meant in each, those of each room's members, and
    who may not mention everybody where.
    """

    candidates: dict[NewMessage, list[list[str]]]
    members: dict[int, dict[str, Group]]
    barred: set[tuple[int, Any]]


class Mentions(NamedTuple):
    """Whom one message mentions."""

    members: list[RoomMember]
    everybody: bool


def checked(given: Sequence[str]) -> tuple[str, ...]:
    """The names that came beside a text, each once; raises BadFrame for more than CHAT_MAX_MENTIONS."""
    unique = tuple(dict.fromkeys(given))
    if 0 < conf.CHAT_MAX_MENTIONS < len(unique):
        raise BadFrame(f"A message mentions {conf.CHAT_MAX_MENTIONS} people at most")
    return unique


# --- Whom a message mentions ------------------------------------------------------------------------------------------
def found(new: Sequence[NewMessage]) -> Found:
    """Looks up for all messages at once; nothing is read when none may mention anybody."""
    with_spaces = not storage.has_name_keys()
    candidates = {one: mentions.candidates(one.content, with_spaces=with_spaces) for one in new if one.mentions_people}
    candidates = {one: keys for one, keys in candidates.items() if keys or one.mentions}
    to_all = [one for one, keys in candidates.items() if any(mentions.EVERYBODY in each for each in keys)]
    return Found(candidates, _members(candidates), _barred(to_all))


def _members(candidates: dict[NewMessage, list[list[str]]]) -> dict[int, dict[str, Group]]:
    """Of each room, the members who may be meant, by the keys of their names, and by what commands name them."""
    rooms = {one.room_id for one in candidates}
    if not rooms:
        return {}
    if not storage.has_name_keys():
        rows = [row for room_id in rooms for row in _all_of(room_id)]
    else:
        keys = {key for each in candidates.values() for keys in each for key in keys}
        keys |= {names.key(name) for one in candidates for name in one.mentions}
        rows = storage.members_by_key(rooms, keys)
    found = _by_key(rows)
    if people.named_by_key():
        ids = [key for one in candidates for name in one.mentions if (key := _user_key(name)) is not None]
        for row in storage.members_by_id(rooms, ids) if ids else ():
            found[row.room_id][_reference(str(row.user_id))] = (row,)
    return found


def _all_of(room_id: int) -> list[RoomMember]:
    rows = storage.members_of([room_id], limit=MEMBERS_READ + 1)
    return rows if len(rows) <= MEMBERS_READ else []


def _by_key(rows: Iterable[RoomMember]) -> dict[int, dict[str, Group]]:
    shown = people.lookup(row.user_id for row in rows) if people.by_function() else {}
    found: defaultdict[int, dict[str, Group]] = defaultdict(dict)
    for row in rows:
        key = names.key(storage.user_ref(row, shown).username)
        found[row.room_id][key] = (*found[row.room_id].get(key, ()), row)
    return found


def _reference(name: str) -> str:
    """What finds the person whom a command names: where names come from functions, that is their own key."""
    return f"\0{name}" if people.named_by_key() else names.key(name)


def _user_key(text: str) -> Any:
    try:
        return key_field().to_python(text)
    except Exception:  # noqa: BLE001 - a model's field may raise anything for what is no key
        return None


def _barred(to_all: Sequence[NewMessage]) -> set[tuple[int, Any]]:
    """The rooms and authors of those of these messages that may not mention everybody: the room has too many members,
    and their author does not moderate it.
    """
    limit = conf.CHAT_MAX_ROOM_MENTION_MEMBERS
    asked = {(one.room_id, one.author_id) for one in to_all if not one.moderates}
    if not asked or not limit:
        return set()
    members = Membership.objects.exclude(role=Membership.Role.NONE)
    rooms = {room_id for room_id, _ in asked}
    crowded = {room_id for room_id in rooms if members.filter(room_id=room_id)[: limit + 1].count() > limit}
    authors = {author_id for _, author_id in asked}
    leading = members.filter(room_id__in=crowded, user_id__in=authors, role__in=LEADING)
    return {one for one in asked if one[0] in crowded} - set(leading.values_list("room_id", "user_id"))


def of(new: NewMessage, known: Found) -> Mentions:
    """Whom this message mentions: first those named beside it, then those in its text, up to CHAT_MAX_MENTIONS."""
    members = known.members.get(new.room_id, {})
    groups, everybody = mentions.mentioned(known.candidates.get(new, ()), members)
    beside = [members.get(_reference(name), ()) for name in new.mentions] if new in known.candidates else []
    unique = {row.user_id: row for group in (*beside, *groups) for row in group if row.user_id != new.author_id}
    limit = conf.CHAT_MAX_MENTIONS or len(unique)
    return Mentions(list(unique.values())[:limit], everybody and (new.room_id, new.author_id) not in known.barred)


# --- With a new message -----------------------------------------------------------------------------------------------
def attach(pairs: Sequence[Pair], known: Found, quoted: dict[int, Quoted]) -> list[StoredMessage]:
    """Stores whom messages concern that were stored just now, in the same transaction; answers these with it."""
    rows: list[Mention] = []
    whole = [_attached(new, stored, of(new, known), quoted, rows) for new, stored in pairs]
    Mention.objects.bulk_create(rows)
    alike: defaultdict[tuple[int, bool], list[int]] = defaultdict(list)
    for message in whole:
        if message.mention_count or message.mentions_room:
            alike[message.mention_count, message.mentions_room].append(message.id)
    for (count, everybody), ids in alike.items():
        Message.objects.filter(pk__in=ids).update(mention_count=count, mentions_room=everybody)
    return whole


def _attached(
    new: NewMessage, stored: StoredMessage, mentioned: Mentions, quoted: dict[int, Quoted], rows: list[Mention]
) -> StoredMessage:
    place = {"message_id": stored.id, "room_id": stored.room_id, "seq": stored.seq}
    rows += [Mention(user_id=member.user_id, **place) for member in mentioned.members]
    answered: Any = quoted[new.reply_to].author_id if new.reply_to is not None else None
    if answered not in (None, new.author_id, *(member.user_id for member in mentioned.members)):
        rows.append(Mention(user_id=answered, by_name=False, **place))
    if not mentioned.members and not mentioned.everybody:
        return stored
    refs = _refs(mentioned.members)
    return msgspec.structs.replace(
        stored, mention_count=len(refs), mentions=refs or None, mentions_room=mentioned.everybody
    )


def _refs(members: Sequence[RoomMember]) -> list[UserRef]:
    shown = people.lookup(member.user_id for member in members) if people.by_function() else {}
    return [storage.user_ref(member, shown) for member in members]


def notices(messages: Iterable[StoredMessage]) -> list[Event]:
    """What makes each process inform those of its users whom these new messages concern."""
    return [
        _notice(message.room_id, message.id, keys, everybody=message.mentions_room)
        for message in messages
        if (keys := _keys(message)) or message.mentions_room
    ]


def _keys(message: StoredMessage) -> list[str]:
    keys = [user.id for user in message.mentions or ()]
    answered = message.quote.user if message.quote is not None else None
    return [*keys, answered.id] if answered is not None and answered.id != str(message.author_id) else keys


def _notice(room_id: int, message_id: int, keys: Sequence[str], *, everybody: bool) -> Event:
    return control.event(control.Mentioned(room_id, message_id, list(keys), everybody=everybody))


# --- With an edit -----------------------------------------------------------------------------------------------------
class Edited(NamedTuple):
    """New values of a message's fields, and what informs those who are named newly."""

    values: dict[str, Any]
    notices: list[Event]


def edited(message: Message, new: NewMessage) -> Edited:
    """Makes whom a message mentions what its new text says, under the lock of its room.

    A bot's may mention people if it did so before, `new` says so, or its bot may today.
    """
    did = message.mention_count > 0 or message.mentions_room
    if not (new.mentions or mentions.has_sign(new.content) or did):
        return Edited({}, [])
    may = new.bot_mentions or did or (message.bot and _may_mention(message.author_id))
    new = msgspec.structs.replace(new, bot=message.bot, bot_mentions=may)
    now = of(new, found([new]))
    rows = {row.user_id: row for row in Mention.objects.filter(message_id=message.pk)}
    wanted = {member.user_id for member in now.members}
    before = {user_id for user_id, row in rows.items() if row.by_name}
    _take_back(message, [rows[user_id] for user_id in before - wanted])
    place = {"message_id": message.pk, "room_id": message.room_id, "seq": message.seq}
    added = [member.user_id for member in now.members if member.user_id not in before]
    Mention.objects.filter(pk__in=[rows[user_id].pk for user_id in added if user_id in rows]).update(by_name=True)
    Mention.objects.bulk_create([Mention(user_id=user_id, **place) for user_id in added if user_id not in rows])
    is_new = now.everybody and not message.mentions_room
    values = {"mention_count": len(wanted), "mentions_room": now.everybody}
    notice = _notice(message.room_id, message.pk, [*map(str, added)], everybody=is_new)
    return Edited(values, [notice] if added or is_new else [])


def _may_mention(bot_id: Any) -> bool:
    return Bot.objects.filter(pk=bot_id, may_mention=True).exists()


def _take_back(message: Message, rows: Sequence[Mention]) -> None:
    """Those who are not named any more; the author of the message that this one answers stays concerned."""
    answered = Message.objects.filter(pk=message.reply_to or 0).values_list("author_id", flat=True).first()
    stays = [row.pk for row in rows if row.user_id == answered]
    Mention.objects.filter(pk__in=stays).update(by_name=False)
    Mention.objects.filter(pk__in=[row.pk for row in rows if row.pk not in stays]).delete()


def erase(message_ids: Iterable[int]) -> None:
    """Forgets whom messages concern whose text goes."""
    Mention.objects.filter(message_id__in=message_ids).delete()
