"""Answering messages: what a reply quotes, the thread that it is in, and reading that.

Threads have one level: a reply to a reply is in the thread of the first message.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from rooms import access, people, storage
from rooms.access import Action
from rooms.callers import Actor
from rooms.errors import NoSuchMessage
from rooms.models import Message
from rooms.protocol.commands.history import HISTORY_MAX
from rooms.services import messages
from rooms.services.changes import MessageFrame, message_frame
from rooms.storage import NewMessage, PostContext, Quoted, StoredMessage


def answered(new: Sequence[NewMessage]) -> dict[int, Quoted]:
    """The messages that these answer; nothing is read when none is a reply."""
    keys = {one.reply_to for one in new if one.reply_to is not None}
    return storage.quoted(keys) if keys else {}


def refusal(new: NewMessage, context: PostContext, found: dict[int, Quoted]) -> NoSuchMessage | None:
    """What refuses a message that answers none which its author can read in this room."""
    if new.reply_to is None or context.access is None:
        return None
    target = found.get(new.reply_to)
    if target is None or target.room_id != new.room_id or target.seq <= context.access.visible_from_seq:
        return NoSuchMessage()
    return NoSuchMessage() if target.deleted_at or target.kind == Message.Kind.SYSTEM else None


def attach(new: NewMessage, stored: StoredMessage, found: dict[int, Quoted]) -> StoredMessage:
    """Puts a message that was stored just now into its thread, in the same transaction."""
    if new.reply_to is None:
        return stored
    target = found[new.reply_to]
    Message.objects.filter(pk=stored.id).update(reply_to=target.id, root=target.root_id)
    Message.objects.filter(pk=target.root_id).update(last_reply_seq=stored.seq)
    reply = msgspec.structs.replace(stored, reply_to=target.id, root=target.root_id)
    shown: dict[Any, people.Shown] = people.lookup([target.author_id]) if people.by_function() else {}
    return msgspec.structs.replace(reply, quote=storage.quote(reply, target, shown))


def page(
    *, actor: Actor, name: str, message_id: str, limit: int, before: int | None = None, after: int | None = None
) -> list[MessageFrame]:
    """A page of the thread that begins with a message, oldest first; also of a deleted one.

    Raises NoSuchRoom, Banned, NoSuchMessage.
    """
    room = access.authorize(actor, name, Action.READ)
    root = messages.find(room, message_id, deleted=True)
    rows = storage.replies(
        root_id=root.id,
        limit=min(limit, HISTORY_MAX),
        before=before,
        after=after,
        above=room.visible_from_seq,
    )
    return [message_frame(message) for message in rows]
