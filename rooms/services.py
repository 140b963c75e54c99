"""Every write use case of rooms, and the reads that must be in step with them. Plain sync functions, keyword arguments.

The socket, REST and the admin call the same ones. Each is its own transaction; what it changed is published after the
commit. A room's next seq is given while the room's row is locked, and rooms are locked in key order.
"""

from typing import Any, NamedTuple, TypeVar

import msgspec
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from chatsite.errors import ChatError, Unavailable
from rooms import access, posting, protocol
from rooms.delivery.bus import publish
from rooms.delivery.events import Encoded, Event
from rooms.models import Membership, Message, Room
from rooms.posting import Answer, NewMessage, Posted

CHANGES = 2_000  # rows of changes read at once, at most
MessageFrame = protocol.ChatMessage | protocol.RoomMessage
F = TypeVar("F", bound=MessageFrame | protocol.MessageEdited)
ChangeFrame = MessageFrame | protocol.MessageEdited | protocol.MessageDeleted
FRAMES: dict[str, type[MessageFrame]] = {
    Message.Kind.CHAT: protocol.ChatMessage,
    Message.Kind.ROOM: protocol.RoomMessage,
}
# Composed by the ORM these two took 0.4 ms of CPU for each who enters; now 0.05.
HEAD = "SELECT last_seq FROM rooms_room WHERE id = %s"
ENTER = "UPDATE rooms_room SET entries = entries + 1 WHERE id = %s RETURNING last_seq"
TRIES = 3  # for writes that can meet the same write of another process; the second try finds what that one wrote


class Snapshot(NamedTuple):
    """What somebody who enters is shown: the newest page, or (`recovered`) all that changed since they were last there.

    It is complete up to the seq `head`, and encoded here, once for all who are shown the same.
    """

    head: int
    history: Encoded
    recovered: bool = False


def topic(room_id: int) -> str:
    """The topic, and the channel-layer group, of a room."""
    return f"room.{room_id}"


def message_frame(message: Message | Posted, room_name: str) -> MessageFrame:
    """A stored message as it is shown everywhere; the author of a message whose user is gone has id `0`."""
    return _shown_as(FRAMES[message.kind], message, room_name)


def _shown_as(kind: type[F], message: Message | Posted, room_name: str) -> F:
    author = message.author
    return kind(
        room_id=room_name,
        user=protocol.UserRef(str(author.pk), author.username) if author else protocol.UserRef("0", "deleted user"),
        content=message.content,
        timestamp=protocol.timestamp(message.created_at),
        message_id=str(message.pk),
        seq=message.seq,
        changed_seq=message.changed_seq,
        client_id=message.client_id,
        edited_at=protocol.timestamp(message.edited_at) if message.edited_at else None,
    )


# --- Rooms ------------------------------------------------------------------------------------------------------------
def create_room(*, user_id: int, name: str, title: str = "", kind: str = Room.Kind.PUBLIC.value) -> tuple[Room, bool]:
    """Makes a room that stays, with its maker as owner. Answers the room, and False when the name was taken already."""
    with transaction.atomic():
        room, created = Room.objects.get_or_create(
            name=protocol.room_name(name), defaults={"title": title, "kind": kind, "created_by_id": user_id}
        )
        if created:
            Membership.objects.create(room=room, user_id=user_id, role=Membership.Role.OWNER)
    return room, created


def room_names(*, room_ids: list[int]) -> dict[int, str]:
    return dict(Room.objects.filter(pk__in=room_ids).values_list("pk", "name"))


def enter_room(*, user_id: int, name: str) -> Room:
    """The room of this name, made for the time of the visit if there is none; NoSuchRoom, Banned."""
    room = access.find_room(user_id, name)
    if room is None:
        defaults = {"transient": True, "created_by_id": user_id}
        room, created = Room.objects.get_or_create(name=name, defaults=defaults)
        if not created:  # somebody was faster, and it may be a room that is not for this user
            room = access.room(user_id, name)
    return room


def snapshot(*, room: Room, after: int | None = None) -> Snapshot | None:
    """For somebody who is entering and counted in already, resuming after a seq; None when the room has disappeared.

    An entry into a room that may disappear is written down, so that `remove_unused` sees it: presence first, then this.
    """
    with connection.cursor() as cursor:
        cursor.execute(ENTER if room.transient and not room.last_seq else HEAD, [room.pk])
        rows = cursor.fetchall()
    if not rows:
        return None
    [(head,)] = rows
    if after is not None and 0 <= head - after <= settings.CHAT_RESUME_MESSAGES:
        changed = Message.objects.changed(room.pk, after=after, limit=CHANGES)
        if len(changed) < CHANGES and not Room.objects.has_pruned(room.pk, after=after):
            return _shown(room, head, changed, after)
    return _shown(room, head, Message.objects.page(room.pk, limit=protocol.HISTORY_DEFAULT) if head else [])


def _shown(room: Room, head: int, messages: list[Message], after: int | None = None) -> Snapshot:
    """Messages as they are, or, for somebody who knows the room up to `after`, as what changed since."""
    frames = [
        message_frame(message, room.name) if after is None else change_frame(message, room.name, after=after)
        for message in messages
    ]
    history = protocol.MessageHistory(room_id=room.name, messages=frames)
    complete = max([head, *(message.changed_seq for message in messages)])
    return Snapshot(complete, Encoded(protocol.encode(history)), recovered=after is not None)


def heads(*, room_ids: list[int]) -> dict[int, int]:
    """The last seq of each of these rooms."""
    return dict(Room.objects.filter(pk__in=room_ids).values_list("pk", "last_seq"))


def unused_entries(*, room_id: int) -> int | None:
    """For a transient room where nothing was said: what to hand to `remove_unused` once it is empty. None: it stays."""
    unused = Room.objects.filter(pk=room_id, transient=True, last_seq=0)
    return unused.values_list("entries", flat=True).first()


def remove_unused(*, room_id: int, entries: int) -> bool:
    """Removes a transient room, unless something was said or somebody entered since `entries` was read."""
    with transaction.atomic():  # a delete of several tables reads first: nobody may enter between its two steps
        rooms = Room.objects.select_for_update().filter(pk=room_id, transient=True, last_seq=0, entries=entries)
        return bool((room := rooms.first()) and room.delete())


def close_room(*, room_id: int) -> None:
    """From now on the room can only be read."""
    Room.objects.filter(pk=room_id, closed_at=None).update(closed_at=timezone.now())


def reopen_room(*, room_id: int) -> None:
    Room.objects.filter(pk=room_id).update(closed_at=None)


# --- Messages ---------------------------------------------------------------------------------------------------------
def post_message(*, room_id: int, author_id: int, content: str, client_id: str | None = None) -> Message | Posted:
    """Stores one message; raises what refuses it. A repeated client id answers the first one's message (`repeated`)."""
    [answer] = post_messages([NewMessage(room_id, author_id, protocol.text_content(content), client_id)])
    if isinstance(answer, ChatError):
        raise answer
    return answer


def post_messages(messages: list[NewMessage], *, wait: bool = True) -> list[Answer]:
    """Stores messages of checked content in one transaction; answers each with its row or with what refuses it.

    Without `wait` those for a room that another transaction holds are answered Held, and delay nothing.
    """
    if not messages:
        return []
    for _ in range(TRIES):
        try:
            answers, new = posting.post(messages, wait=wait)
        except IntegrityError:  # another process has just stored one of these client ids: the next look finds it
            continue
        _publish_after_commit([(message, message.room.name) for message in new])
        return answers
    raise Unavailable("Too many writers of the same message")


def edit_message(*, message_id: int, content: str) -> None:
    """Replaces a message's text; nothing when it is gone."""
    _change(message_id, content=protocol.text_content(content), edited_at=timezone.now())


def delete_message(*, message_id: int) -> None:
    """Takes a message away for good: its text is erased, its place in the order stays. Twice is once."""
    _change(message_id, content="", deleted_at=timezone.now())


def _change(message_id: int, **changes: Any) -> None:
    """Changes a message that is not deleted, as the next change of its room."""
    with transaction.atomic():
        message = Message.objects.filter(pk=message_id).select_related("author").first()
        if message is None:
            return
        room = Room.objects.select_for_update().get(pk=message.room_id)
        changes["changed_seq"] = room.last_seq + 1
        if not Message.objects.filter(pk=message_id, deleted_at=None).update(**changes):
            return
        Room.objects.filter(pk=room.pk).update(last_seq=changes["changed_seq"])
        for name, value in changes.items():
            setattr(message, name, value)
        _publish_after_commit([(message, room.name)])


def _publish_after_commit(changes: list[tuple[Message | Posted, str]]) -> None:
    """Tells of new and changed messages, each with its room's name."""

    def tell() -> None:  # no partial: Django logs a failed one by its name
        publish([change_event(message, room_name) for message, room_name in changes])

    transaction.on_commit(tell, robust=True)  # what is committed stays so; a lost event is found by its seq


# --- Changes ----------------------------------------------------------------------------------------------------------
def change_frame(message: Message | Posted, room_name: str, *, after: int) -> ChangeFrame:
    """What somebody who knows a room up to the seq `after` is told of a message that changed since."""
    if message.deleted_at:
        return protocol.MessageDeleted(
            room_id=room_name, message_id=str(message.pk), seq=message.seq, changed_seq=message.changed_seq
        )
    if message.seq <= after:
        return _shown_as(protocol.MessageEdited, message, room_name)
    return message_frame(message, room_name)


def change_event(message: Message | Posted, room_name: str) -> Event:
    """What the members of a room are told of the last change of a message."""
    frame = change_frame(message, room_name, after=message.changed_seq - 1)
    return Event(topic(message.room_id), protocol.encode(frame), message.changed_seq)


def changes(*, room_id: int, after: int, limit: int = CHANGES) -> tuple[int, list[Event]]:
    """What changed in a room after a seq, in order, and the seq up to which that is complete."""
    room = Room.objects.filter(pk=room_id).first()
    if room is None:
        return after, []
    messages = Message.objects.changed(room_id, after=after, limit=limit)
    last = messages[-1].changed_seq if messages else after
    events = [change_event(message, room.name) for message in messages]
    events += [_first_event(m, room.name) for m in messages if after < m.seq < m.changed_seq and not m.deleted_at]
    return last if len(messages) == limit else max(last, room.last_seq), sorted(events, key=lambda event: event.seq)


def _first_event(message: Message, room_name: str) -> Event:
    """That a changed message is there at all: of those who are told its change, some have it and some have not."""
    frame = msgspec.structs.replace(message_frame(message, room_name), changed_seq=message.seq)
    return Event(topic(message.room_id), protocol.encode(frame), message.seq)
