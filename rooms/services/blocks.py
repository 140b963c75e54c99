"""Who has blocked whom: changed, listed, and asked by whoever sends somebody something.

The blocked person is not informed. Messages stay in the numbered stream of their room: clients fold them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from rooms import people, storage
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import Blocked, Conflict, NoSuchUser
from rooms.live import control
from rooms.live.control import Notification
from rooms.models import Block, Room
from rooms.protocol.codec import encode
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.blocks import Blocks
from rooms.services.publishing import publish_after_commit
from rooms.storage import NewMessage, PostContext, RoomAccess

User: Any = get_user_model()


def set_block(*, user_id: Any, username: str, on: bool) -> None:
    """Blocks or unblocks a person; what is so already stays so. Raises NoSuchUser, and Conflict for oneself or
    above CHAT_MAX_BLOCKS.
    """
    other_id = people.find(username)
    if other_id is None:
        raise NoSuchUser
    if other_id == user_id:
        raise Conflict("You cannot block yourself")
    with transaction.atomic():
        # Locked, so that two blocks at once are counted one after the other.
        User._base_manager.select_for_update(no_key=True, of=("self",)).filter(pk=user_id).first()  # noqa: SLF001 - Django's own, of all users
        if (
            _block(user_id, other_id)
            if on
            else Block.objects.filter(blocker_id=user_id, blocked_id=other_id).delete()[0]
        ):
            publish_after_commit(lambda: [control.event(Notification(str(user_id), _event(user_id)))])


def _block(user_id: Any, other_id: Any) -> bool:
    blocks = Block.objects.filter(blocker_id=user_id)
    if blocks.filter(blocked_id=other_id).exists():
        return False
    if 0 < conf.CHAT_MAX_BLOCKS <= blocks.count():
        raise Conflict(f"You have blocked {conf.CHAT_MAX_BLOCKS} people, which is the most")
    blocks.create(blocker_id=user_id, blocked_id=other_id)
    return True


def _event(user_id: Any) -> str:
    return encode(Blocks(users=blocked_users(user_id=user_id))).decode()


def check_direct(room: RoomAccess, actor: Actor) -> None:
    """Raises Blocked when the other person of this direct room has blocked the actor, as for a message."""
    pair = (room.room_id, actor.user_id)
    if room.kind == Room.Kind.DIRECT and "moderator" not in actor.roles and storage.blocked_authors({pair}):
        raise Blocked


def blocked(messages: Sequence[NewMessage], contexts: Sequence[PostContext]) -> set[tuple[int, Any]]:
    """Room and author of those whom the other person of a direct room has blocked; other rooms are not asked about.

    Who moderates the whole chat can write to everybody.
    """
    direct = {
        (new.room_id, new.author_id)
        for new, context in zip(messages, contexts, strict=True)
        if context.access is not None and context.access.kind == Room.Kind.DIRECT and not new.moderates
    }
    return storage.blocked_authors(direct) if direct else set()


def blocked_users(*, user_id: Any) -> list[UserRef]:
    """Whom this user has blocked, the first one first."""
    ids = list(Block.objects.filter(blocker_id=user_id).order_by("pk").values_list("blocked_id", flat=True))
    shown = people.lookup(ids)
    return [UserRef(str(key), shown[key].name, shown[key].avatar) for key in ids if key in shown]


def blocked_by(user_id: Any, *, of: Iterable[Any]) -> set[Any]:
    """Which of these users have blocked this one: they are sent no notice of what this one does."""
    return set(Block.objects.filter(blocked_id=user_id, blocker_id__in=list(of)).values_list("blocker_id", flat=True))
