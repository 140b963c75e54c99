"""What a room itself says when it was changed: messages of the kind `system`, with an `event` in place of a text.

Each is stored in the transaction of the change, and sent after its commit. Nobody has written it: it is never unread,
and cannot be edited, deleted, answered, reacted to, pinned, reported or found by a search.
"""

from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F

from rooms import storage
from rooms.callers import Actor
from rooms.conf import conf
from rooms.models import Message, Room
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.system import RoomEvent
from rooms.services import changes
from rooms.services.publishing import publish_after_commit


def add(room_id: int, actor: Actor, name: str, *, user_id: Any = None, **details: Any) -> None:
    """Says in a room what `actor` has done; `user_id` is to whom. Of people only keys are kept: names change, and go.

    Locks the room's row, if the change has not.
    """
    if not conf.CHAT_SYSTEM_MESSAGES:
        return
    user = UserRef(str(user_id), "") if user_id is not None else None
    event = RoomEvent(name=name, user=user, site=actor.user_id is None or None, **details)
    with transaction.atomic():
        Room.objects.filter(pk=room_id).update(last_seq=F("last_seq") + 1)
        seq = Room.objects.values_list("last_seq", flat=True).get(pk=room_id)
        made = Message.objects.create(
            room_id=room_id,
            seq=seq,
            changed_seq=seq,
            kind=Message.Kind.SYSTEM,
            author_id=actor.user_id,
            event=msgspec.json.encode(event).decode(),
        )
        stored = storage.message(message_id=made.pk)
        if stored is not None:
            publish_after_commit(lambda: [changes.change_event(stored)])
