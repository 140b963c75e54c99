"""What somebody who joins a room is sent: the newest page, or everything that changed since they were last there."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import transaction

from rooms import access, storage
from rooms.conf import conf
from rooms.live.events import Encoded, Event
from rooms.models import Room
from rooms.protocol.codec import encode
from rooms.protocol.commands.history import HISTORY_DEFAULT, HISTORY_MAX
from rooms.protocol.frames.history import MessageHistory
from rooms.services import streams
from rooms.services.changes import OPEN, ChangeFrame, MessageFrame, bulk_frame, change_frame, message_frame
from rooms.storage import RoomAccess, RoomHead, StoredMessage


class Snapshot(NamedTuple):
    """Complete up to the seq `head`; encoded here, once for all who receive the same."""

    head: int
    epoch: str
    history: Encoded
    recovered: bool = False
    texts: tuple[Encoded, ...] = ()  # so far, of the messages that are being written


def snapshot(*, room: RoomAccess, after: int | None = None, epoch: str | None = None) -> Snapshot | None:
    """For somebody who is counted in this room already; None when the room is gone.

    `after` is the last seq they know of that `epoch` (None: of this one).
    """
    head, above = _head(room), room.visible_from_seq
    if head is None:
        return None
    if after is not None and _can_resume(head, after := max(after, above), epoch):
        changed = storage.changes(room_id=room.room_id, after=after, above=above)
        complete = _complete(head, changed)
        bulk = storage.bulk_deletions(room_id=room.room_id, after=after, up_to=complete)
        now = storage.room_head(room_id=room.room_id)  # pruning may have gone on meanwhile
        if now is not None and now.pruned_seq <= after:
            frames = [change_frame(message, after=after) for message in changed]
            deletions = [bulk_frame(room.name, deleted) for deleted in bulk]
            ordered = sorted([*frames, *deletions], key=_position)
            return _shown(room, head, complete, ordered, streams.open_texts(room), recovered=True)
    messages = storage.page(room_id=room.room_id, limit=HISTORY_DEFAULT, above=above) if head.last_seq else []
    texts = streams.open_texts(room) if any(message.stream == OPEN for message in messages) else []
    return _shown(room, head, _complete(head, messages), [message_frame(message) for message in messages], texts)


def _head(room: RoomAccess) -> RoomHead | None:
    """The room's head. A room that may be removed as unused is locked for a moment: `remove_unused` either sees
    that somebody is counted in it, or has removed it before this looks.
    """
    if not room.transient or room.last_seq:
        return storage.room_head(room_id=room.room_id)
    with transaction.atomic():
        Room.objects.select_for_update().filter(pk=room.room_id).first()
        return storage.room_head(room_id=room.room_id)


def _can_resume(head: RoomHead, after: int, epoch: str | None) -> bool:
    missed, limit = head.last_seq - after, conf.CHAT_RESUME_MESSAGES
    return epoch in (None, head.epoch) and missed >= 0 and (not limit or missed <= limit)


def _complete(head: RoomHead, messages: list[StoredMessage]) -> int:
    """Up to which seq these have everything: they were read after the head."""
    return max([head.last_seq, *(message.changed_seq for message in messages)])


def _position(frame: ChangeFrame) -> int:
    return frame.changed_seq


def _shown(
    room: RoomAccess,
    head: RoomHead,
    complete: int,
    frames: Sequence[ChangeFrame],
    texts: Sequence[Event],
    *,
    recovered: bool = False,
) -> Snapshot:
    history = MessageHistory(room_id=room.name, messages=frames)
    so_far = tuple(Encoded(event.payload) for event in texts)
    return Snapshot(complete, head.epoch, Encoded(encode(history)), recovered, so_far)


def page(
    *, user_id: Any, name: str, limit: int, before: int | None = None, after: int | None = None
) -> list[MessageFrame]:
    """A page of a room's messages, oldest first: the newest, those before or those after a seq; NoSuchRoom, Banned."""
    room = access.room(user_id, name)
    rows = storage.page(
        room_id=room.room_id, limit=min(limit, HISTORY_MAX), before=before, after=after, above=room.visible_from_seq
    )
    return [message_frame(message) for message in rows]
