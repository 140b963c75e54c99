"""Who is typing: sent to the others in a room while few are there, and stored nowhere: clients let it end."""

from collections.abc import Callable, Mapping
from typing import Any

from rooms import access, people, storage
from rooms.access import Action
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import Blocked
from rooms.live import topics
from rooms.live.events import Event
from rooms.models import Room
from rooms.people import Shown
from rooms.protocol.codec import encode
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.typing import Typing
from rooms.services.publishing import publish_after_commit
from rooms.storage import RoomAccess


def show_typing(
    *,
    actor: Actor,
    name: str,
    on: bool = True,
    counts: Callable[[list[int]], Mapping[int, int]],
    connection_id: str = "",
) -> None:
    """Sends those in the room that the actor is typing, or with `on` false no more; the connection is sent nothing.

    Raises what would refuse their message now. `counts` says how many people are in a room; nothing is sent where they
    are more than CHAT_MAX_TYPING_MEMBERS.
    """
    room = access.authorize(actor, name, Action.POST)
    pair = (room.room_id, actor.user_id)
    if room.kind == Room.Kind.DIRECT and "moderator" not in actor.roles and storage.blocked_authors({pair}):
        raise Blocked
    limit = conf.CHAT_MAX_TYPING_MEMBERS
    if not conf.CHAT_TYPING_S or 0 < limit < counts([room.room_id])[room.room_id]:
        return
    frame = Typing(room_id=room.name, user=_user(room, actor.user_id), on=on, expires_in_ms=conf.CHAT_TYPING_S * 1000)
    publish_after_commit(lambda: [Event(topics.of_room(room.room_id), encode(frame), skip=connection_id)])


def _user(room: RoomAccess, user_id: Any) -> UserRef:
    shown = people.lookup([user_id]).get(user_id) if people.by_function() else Shown(room.username or "")
    return UserRef(str(user_id), *(shown or Shown("")))
