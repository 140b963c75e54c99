"""Beginning a message whose text comes in pieces: who may, how many at once, and what is stored with it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from rooms import hooks
from rooms.conf import conf
from rooms.errors import Conflict, Forbidden
from rooms.models import Bot, Message, Stream
from rooms.storage import NewMessage, Quoted, StoredMessage

OPEN = Message.Stream.OPEN.value


def new_stream(
    *,
    room_id: int,
    author_id: Any,
    client_id: str | None = None,
    reply_to: int | None = None,
    moderates: bool = False,
) -> NewMessage:
    """The message to be stored; raises Forbidden for who is no bot, and what CHAT_CAN_POST refuses with."""
    bot = Bot.objects.filter(pk=author_id, active=True).first()
    if bot is None:
        raise Forbidden("Only bots write in pieces")
    hooks.check_may_post(author_id, room_id)
    return NewMessage(
        room_id,
        author_id,
        "",
        client_id,
        reply_to=reply_to,
        moderates=moderates,
        bot=True,
        bot_mentions=bot.may_mention,
        stream=True,
    )


def opened(new: Sequence[NewMessage]) -> Counter[Any]:
    """How many streams the authors of these have open; nothing is read when none is one."""
    authors = {one.author_id for one in new if one.stream}
    found = Stream.objects.filter(author_id__in=authors).values_list("author_id", flat=True) if authors else ()
    return Counter(found)


def refusal(new: NewMessage, found: Counter[Any]) -> Conflict | None:
    """What refuses one stream too many; the others of its list count too."""
    limit = conf.CHAT_MAX_OPEN_STREAMS
    if not new.stream:
        return None
    found[new.author_id] += 1
    return Conflict(f"A bot writes {limit} messages at once at most") if 0 < limit < found[new.author_id] else None


def attach(new: NewMessage, stored: StoredMessage, quoted: dict[int, Quoted]) -> StoredMessage:
    """Opens the stream of a message that was stored just now, in the same transaction."""
    if not new.stream:
        return stored
    asked = quoted.get(new.reply_to) if new.reply_to is not None else None
    Message.objects.filter(pk=stored.id).update(stream=OPEN)
    Stream.objects.create(
        message_id=stored.id,
        room_id=stored.room_id,
        author_id=new.author_id,
        asker_id=asked.author_id if asked else None,
        touched_at=stored.created_at,
    )
    return msgspec.structs.replace(stored, stream=OPEN)
