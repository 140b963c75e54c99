"""Bans from the whole chat, and ending all connections of a user. Who may do so has been decided by the caller.

A banned user signs in nowhere: `rooms.callers` looks. Nobody does this to themselves, to an admin of the chat, or
without being one to a moderator of it.
"""

from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from rooms import people
from rooms.callers import Actor, roles
from rooms.errors import Forbidden, NoSuchUser
from rooms.models import RightsChange, ServerBan
from rooms.protocol.rules import timestamp
from rooms.services import audit
from rooms.services.moderation import FOREVER
from rooms.services.rights import announce


def find(username: str) -> Any:
    """The key of a user; raises NoSuchUser."""
    key = people.find(username)
    if key is None:
        raise NoSuchUser
    return key


def ban_from_server(*, actor: Actor, user_id: Any, until: datetime = FOREVER, reason: str = "") -> None:
    """Keeps a user out of the chat until then, and closes what they have open. Raises NoSuchUser, Forbidden."""
    check(actor, user_id)
    with transaction.atomic():
        values = {"until": until, "reason": reason[:500], "created_at": timezone.now()}
        ServerBan.objects.update_or_create(user_id=user_id, defaults=values)
        audit.record(actor, "ban-from-chat", target_id=user_id, reason=reason, until=timestamp(until))
        announce([user_id])


def unban_from_server(*, actor: Actor, user_id: Any, reason: str = "") -> None:
    """Lets a user in again; does nothing when there is no ban."""
    with transaction.atomic():
        if ServerBan.objects.filter(user_id=user_id).delete()[0]:
            audit.record(actor, "unban-from-chat", target_id=user_id, reason=reason)
            announce([user_id])


def disconnect(*, actor: Actor, user_id: Any, reason: str = "") -> None:
    """Closes all connections of a user, in every process; they may come back. Raises NoSuchUser, Forbidden."""
    check(actor, user_id)
    with transaction.atomic():
        audit.record(actor, "disconnect", target_id=user_id, reason=reason)
        announce([user_id])
        RightsChange.objects.filter(user_key=str(user_id)).update(disconnects=F("disconnects") + 1)


def check(actor: Actor, user_id: Any) -> None:
    """Raises what keeps this person from banning or disconnecting that one: NoSuchUser, Forbidden."""
    user = get_user_model()._base_manager.filter(pk=user_id).first()  # noqa: SLF001 - Django's own, of all users
    if user is None:
        raise NoSuchUser
    theirs = roles(user)
    is_above = "admin" in theirs or ("moderator" in theirs and "admin" not in actor.roles)
    if actor.user_id is not None and (is_above or user_id == actor.user_id):
        raise Forbidden("Nobody acts on an equal or higher rank")
