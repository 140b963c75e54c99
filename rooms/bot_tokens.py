"""Reading the token of a bot: whose it is, and which rooms it opens. Made, rotated and revoked by `services.bots`."""

import hashlib
from datetime import timedelta
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from rooms.errors import AuthExpired, AuthRequired
from rooms.models import Bot, BotToken
from rooms.scopes import Scope

PREFIX = "bot_"
USED_EVERY = timedelta(hours=1)  # the last use is written no more often


class Found(NamedTuple):
    bot: Bot
    scope: Scope
    expires_at: float | None  # unix seconds


def is_one(token: str) -> bool:
    """Whether this is to be read here: no other token begins like this."""
    return token.startswith(PREFIX)


def hashed(token: str) -> str:
    """As it is stored. A token has 256 random bits, which no slow hash protects any better."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def read(token: str) -> Found:
    """Whose token this is; raises AuthRequired, AuthExpired."""
    found = BotToken.objects.select_related("bot__user").filter(token_hash=hashed(token)).first()
    now = timezone.now()
    if found is None or found.revoked_at is not None:
        raise AuthRequired("Token is no longer valid")
    if found.expires_at is not None and found.expires_at <= now:
        raise AuthExpired
    if not found.bot.active:
        raise AuthRequired("This bot is switched off")
    unnoted = Q(used_at=None) | Q(used_at__lt=now - USED_EVERY)
    if found.used_at is None or found.used_at < now - USED_EVERY:
        BotToken.objects.filter(unnoted, pk=found.pk).update(used_at=now)
    rooms = None if found.all_rooms else frozenset(found.rooms.values_list("pk", flat=True))
    return Found(
        found.bot, Scope(rooms, found.bot.may_mention), found.expires_at.timestamp() if found.expires_at else None
    )
