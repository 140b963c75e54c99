"""Changes of messages: edits, deletions, and the frames and events that carry them.

A change takes the room's next seq as the message's `changed_seq`, so "what changed after N" is one indexed read: it
serves the history, a client that resumes, and the repair of a gap.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import msgspec
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from rooms import people, signals, storage
from rooms.errors import Conflict
from rooms.live import topics
from rooms.live.events import Event
from rooms.models import Message, MessageVersion, Reaction, Room, Stream, StreamPart
from rooms.protocol.codec import encode
from rooms.protocol.frames.base import DELETED_USER, UserRef
from rooms.protocol.frames.changes import MessageDeleted, MessageEdited
from rooms.protocol.frames.deletions import MessagesDeleted
from rooms.protocol.frames.posting import ChatMessage, RoomMessage
from rooms.protocol.frames.system import RoomEvent
from rooms.protocol.rules import text_content, timestamp
from rooms.services import attachments, filters, mentions
from rooms.services.publishing import publish_after_commit
from rooms.services.reports import report_by_filter
from rooms.storage import BulkDeleted, NewMessage, StoredMessage

READ_AT_ONCE = 2_000  # changes that repair a gap
MessageFrame = ChatMessage | RoomMessage
ChangeFrame = MessageFrame | MessageEdited | MessageDeleted | MessagesDeleted
Values = dict[str, Any]  # of fields of a message
ERASED: Values = {  # where its text goes
    "content": "", "reaction_count": 0, "mention_count": 0, "mentions_room": False, "pinned_at": None, "file_count": 0,
    "stream": None,
}  # fmt: skip
SYSTEM = Message.Kind.SYSTEM.value
SAID = (SYSTEM, Message.Kind.ACTION.value)  # kinds that a frame names; of the others its type does
OPEN, INTERRUPTED = Message.Stream.OPEN.value, Message.Stream.INTERRUPTED.value
F = TypeVar("F", bound=MessageFrame | MessageEdited)
FRAMES: dict[str, type[MessageFrame]] = {
    Message.Kind.CHAT: ChatMessage,
    Message.Kind.ROOM: RoomMessage,
    Message.Kind.ACTION: ChatMessage,
    Message.Kind.SYSTEM: ChatMessage,
}


def edit_message(
    *,
    message_id: int,
    content: str,
    names: Sequence[str] = (),
    moderates: bool = False,
    has_files: bool = False,
    check: Callable[[Message], None] = lambda _: None,
) -> StoredMessage | None:
    """Replaces a message's text and keeps the one before; the same text changes nothing. None when it is deleted.

    `names` are of people whom it mentions besides those in the text; its author `moderates` every room. `check` raises
    what refuses it, under the lock of the room. Filtered: it has a phrase that is not allowed.
    """
    text = text_content(content, has_files=has_files)
    verdict = next(iter(filters.verdicts([text]) or []), None)
    if verdict is not None and verdict.refusal():
        filters.refuse_edit(message_id=message_id, verdict=verdict)
        return None

    def edited(message: Message, seq: int) -> Values:
        check(message)
        if message.stream == OPEN:
            raise Conflict("This message is still being written")
        if message.content == text:
            return {}
        new = NewMessage(message.room_id, message.author_id, text, mentions=tuple(names), moderates=moderates)
        concerned = mentions.edited(message, new)
        if concerned.notices:
            publish_after_commit(lambda: concerned.notices)
        return _replaced(message, text, seq) | concerned.values

    with transaction.atomic():
        changed = change(message_id, edited)
        if changed is not None and verdict is not None:
            report_by_filter(message=changed, phrase=verdict.phrase)
    return changed


def _replaced(message: Message, text: str, seq: int) -> Values:
    now = timezone.now()
    MessageVersion.objects.create(
        message=message, content=message.content, written_at=message.edited_at or message.created_at, replaced_at=now
    )
    return {"content": text, "edited_at": now, "edited_seq": seq}


def delete_message(*, message_id: int, by_id: Any = None) -> bool:
    """Erases a message's text and keeps its place in the order; False when it is deleted already."""

    def deleted(message: Message, _seq: int) -> Values:
        erase_kept([message.pk])
        return {**ERASED, "deleted_at": timezone.now(), "deleted_by_id": by_id}

    return change(message_id, deleted) is not None


def erase_kept(message_ids: Collection[int]) -> None:
    """Erases what is kept beside messages whose text goes."""
    erase_versions(message_ids)
    Reaction.objects.filter(message_id__in=message_ids).delete()
    mentions.erase(message_ids)
    attachments.release(message_ids)
    Stream.objects.filter(message_id__in=message_ids).delete()
    StreamPart.objects.filter(message_id__in=message_ids).delete()


def erase_versions(message_ids: Collection[int]) -> None:
    """Erases what these messages said before they were edited."""
    MessageVersion.objects.filter(message_id__in=message_ids).delete()


def remove_file(*, message_id: int, attachment_id: str) -> StoredMessage | None:
    """Takes one file from a message, which stays; None when it has no such file."""

    def removed(message: Message, _seq: int) -> Values:
        return {"file_count": message.file_count - 1} if attachments.release_one(message.pk, attachment_id) else {}

    with transaction.atomic():
        before = storage.message(message_id=message_id)
        changed = change(message_id, removed)
        return None if before is None or changed is None or changed.file_count == before.file_count else changed


def change(
    message_id: int, make: Callable[[Message, int], Values], signal: Signal = signals.message_changed
) -> StoredMessage | None:
    """Changes a message, and publishes it after the commit; answers it as it is now. None when it is deleted, or of the
    system.

    `make` gets the message under the lock of its room, and the seq that the change takes. It answers new values of
    fields; without any nothing is changed. `signal` is what the project's receivers are called by.
    """
    with transaction.atomic():
        room = Room.objects.select_for_update(of=("self",)).filter(messages=message_id).first()
        changeable = Message.objects.filter(pk=message_id, deleted_at=None).exclude(kind=SYSTEM)
        message = changeable.first() if room else None
        if room is None or message is None:
            return None
        seq = room.last_seq + 1
        values = make(message, seq)
        if values:
            if not changeable.update(changed_seq=seq, **values):  # erased meanwhile with all that its author wrote
                transaction.set_rollback(True)
                return None
            Room.objects.filter(pk=room.pk).update(last_seq=seq)
        changed = storage.message(message_id=message_id)
        if values and changed is not None:
            publish_after_commit(lambda: [change_event(changed)])
            signals.send_after_commit(signal, message=changed)
        return changed


def changes_since(*, room_id: int, after: int, limit: int = READ_AT_ONCE) -> tuple[int, list[Event]]:
    """What changed in a room after a seq, in order, and the seq up to which that is complete."""
    head = storage.room_head(room_id=room_id)
    if head is None:
        return after, []
    messages = storage.changes(room_id=room_id, after=after, limit=limit)
    last = messages[-1].changed_seq if messages else after
    complete = last if len(messages) == limit else max(last, head.last_seq)
    events = [change_event(message) for message in messages]
    firsts = [m for m in messages if after < m.seq < m.changed_seq and not m.deleted_at]
    events += [_first_event(message) for message in firsts]
    if bulk := storage.bulk_deletions(room_id=room_id, after=after, up_to=complete):
        name = Room.objects.values_list("name", flat=True).get(pk=room_id)
        events += [bulk_event(room_id, name, deleted) for deleted in bulk]
    return complete, sorted(events, key=lambda event: event.seq)


def _first_event(message: StoredMessage) -> Event:
    """The event that a changed message was posted: some of the recipients of its change may not have it yet."""
    frame = msgspec.structs.replace(message_frame(message), changed_seq=message.seq)
    return _with_quote(Event(topics.of_room(message.room_id), encode(frame), message.seq), frame)


# --- Frames -----------------------------------------------------------------------------------------------------------
def message_frame(message: StoredMessage) -> MessageFrame:
    """A stored message as every client receives it; a deleted user's messages have the author id `0`."""
    return _frame(FRAMES[message.kind], message)


def change_frame(message: StoredMessage, *, after: int) -> ChangeFrame:
    """What somebody who knows a room up to the seq `after` receives of a message that changed since."""
    if message.deleted_at:
        return msgspec.structs.replace(hidden_change(message), by=person(message.deleted_by_id))
    if message.seq <= after:
        return whole_frame(message)
    return message_frame(message)


def whole_frame(message: StoredMessage) -> MessageEdited:
    """A message as it is now."""
    return _frame(MessageEdited, message)


def change_event(message: StoredMessage) -> Event:
    """What the members of a room receive of the last change of a message."""
    shown = change_frame(message, after=message.changed_seq - 1)
    frame, topic = encode(shown), topics.of_room(message.room_id)
    if message.seq == message.changed_seq and message.quote is None:
        return Event(topic, frame, message.seq)
    is_new = message.seq == message.changed_seq
    hidden = b"" if is_new else encode(hidden_change(message))
    event = Event(topic, frame, message.changed_seq, of=0 if is_new else message.seq, hidden=hidden)
    return _with_quote(event, shown) if isinstance(shown, MessageFrame | MessageEdited) else event


def _with_quote(event: Event, frame: MessageFrame | MessageEdited) -> Event:
    """The event with what a member receives who may not see the message that this one answers."""
    if frame.reply_to is None or frame.reply_to.seq is None:
        return event
    return msgspec.structs.replace(event, quotes=frame.reply_to.seq, unquoted=encode(unquoted(frame)))


def unquoted(frame: F) -> F:
    """The same for a member who may not see the message that this one answers."""
    if frame.reply_to is None:
        return frame
    quote = msgspec.structs.replace(frame.reply_to, user=None, excerpt=None, deleted=None)
    return msgspec.structs.replace(frame, reply_to=quote)


def hidden_change(message: StoredMessage) -> MessageDeleted:
    """What a member receives of a change who may not see the message: its number, so that no hole seems to be there."""
    return MessageDeleted(
        room_id=message.room_name, message_id=str(message.id), seq=message.seq, changed_seq=message.changed_seq
    )


def bulk_frame(room_name: str, deleted: BulkDeleted) -> MessagesDeleted:
    """What every client receives of a bulk deletion."""
    ids = storage.message_ids(deleted)
    return MessagesDeleted(
        room_id=room_name,
        user=_by_key(deleted.user_key) if deleted.user_key else None,
        message_ids=None if deleted.user_key else [str(one) for one in ids],
        changed_seq=deleted.changed_seq,
        by=person(deleted.by_id),
    )


def bulk_event(room_id: int, room_name: str, deleted: BulkDeleted) -> Event:
    return Event(topics.of_room(room_id), encode(bulk_frame(room_name, deleted)), deleted.changed_seq)


def person(user_id: Any) -> UserRef | None:
    """A user as frames name them; None for nobody, and for one that is no more."""
    shown = people.lookup([user_id]).get(user_id) if user_id is not None else None
    return UserRef(str(user_id), shown.name, shown.avatar) if shown else None


def _by_key(key: str) -> UserRef:
    """The same by the key as text; of a user that is no more the key is all there is to say."""
    return person(people.key_field().to_python(key)) or UserRef(key, DELETED_USER)


def _frame(kind: type[F], message: StoredMessage) -> F:
    author = UserRef("0", DELETED_USER)
    if message.username is not None:
        author = UserRef(str(message.author_id), message.username, message.avatar)
    return kind(
        room_id=message.room_name,
        user=author,
        content=message.content,
        timestamp=timestamp(message.created_at),
        message_id=str(message.id),
        seq=message.seq,
        changed_seq=message.changed_seq,
        client_id=message.client_id,
        edited_at=timestamp(message.edited_at) if message.edited_at else None,
        reactions=message.reactions,
        reply_to=message.quote,
        reply_count=message.reply_count,
        last_reply_seq=message.last_reply_seq if message.reply_count else None,
        pinned_at=timestamp(message.pinned_at) if message.pinned_at else None,
        mentions=message.mentions,
        mentions_room=message.mentions_room or None,
        attachments=message.attachments,
        kind=message.kind if message.kind in SAID else None,
        event=msgspec.json.decode(message.event, type=RoomEvent) if message.event else None,
        bot=message.bot or None,
        streaming=message.stream == OPEN or None,
        interrupted=message.stream == INTERRUPTED or None,
    )
