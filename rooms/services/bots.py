"""Bots: made, switched off, given tokens. A token is returned once; what is stored is its hash.

Who may do it is for the callers to know: the admin's permissions, or the project's code.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from rooms import bot_tokens, people
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import BadFrame, Conflict, NoSuchUser
from rooms.models import Bot, BotToken, Message, Room
from rooms.services import audit, rights
from rooms.storage import NewMessage, StoredMessage

TOKEN_BYTES = 32
SHOWN_CHARS = 10  # of a token, to recognise it by
NOT_A_NAME = "No user of this name can be made"
User: Any = get_user_model()


class Issued(NamedTuple):
    """`text` is known only here."""

    token: BotToken
    text: str


def create(*, actor: Actor, name: str, owner_id: Any = None) -> Bot:
    """Makes a user of this name that is a bot; raises Conflict for a name that is taken, BadFrame for one that is none.

    Of a user model that needs more than a name the project makes the user, and calls `adopt`.
    """
    user = check_name(name)
    with transaction.atomic():
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError:
            raise Conflict("This name is taken") from None
        return adopt(actor=actor, user=user, owner_id=owner_id)


def check_name(name: str) -> Any:
    """The user of this name, who is not saved; raises BadFrame for a name that none can have."""
    user = User(**{User.USERNAME_FIELD: name})
    user.set_unusable_password()
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        raise BadFrame(f"{NOT_A_NAME}: {' '.join(error.messages)}") from None
    return user


def adopt(*, actor: Actor, user: Any, owner_id: Any = None) -> Bot:
    """Makes a user a bot, who signs in by no password any more; raises Conflict for one that is a bot already."""
    with transaction.atomic():
        bot, created = Bot.objects.get_or_create(user=user, defaults={"owner_id": owner_id})
        if not created:
            raise Conflict("This user is a bot already")
        user.set_unusable_password()
        user.save(update_fields=["password"])
        audit.record(actor, "create-bot", target_id=user.pk)
    return bot


def set_active(*, actor: Actor, bot: Bot, on: bool) -> None:
    """Switches all tokens of a bot on or off; what is open by one of them is closed."""
    with transaction.atomic():
        if Bot.objects.filter(pk=bot.pk, active=not on).update(active=on):
            audit.record(actor, "start-bot" if on else "stop-bot", target_id=bot.pk)
            rights.announce([bot.pk])


def set_may_mention(*, actor: Actor, bot: Bot, on: bool) -> None:
    """Whether names in its messages mention people."""
    with transaction.atomic():
        if Bot.objects.filter(pk=bot.pk, may_mention=not on).update(may_mention=on):
            audit.record(actor, "change-bot", target_id=bot.pk, may_mention=on)
            rights.announce([bot.pk])


# --- Tokens -----------------------------------------------------------------------------------------------------------
def issue(*, actor: Actor, bot: Bot, rooms: Iterable[Room] | None = None, expires_at: datetime | None = None) -> Issued:
    """A new token, for these rooms; None: for all that the bot is a member of."""
    text = bot_tokens.PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        token = BotToken.objects.create(
            bot=bot,
            token_hash=bot_tokens.hashed(text),
            beginning=text[:SHOWN_CHARS],
            all_rooms=rooms is None,
            expires_at=expires_at,
        )
        token.rooms.set(rooms or ())
        names = None if rooms is None else sorted(token.rooms.values_list("name", flat=True))
        audit.record(actor, "issue-token", target_id=bot.pk, token=token.beginning, rooms=names)
    return Issued(token, text)


def rotate(*, actor: Actor, token: BotToken) -> Issued:
    """A new token for the same rooms. The old one is valid for CHAT_TOKEN_OVERLAP_HOURS more, if it was that long.

    Raises Conflict for one that is not valid any more.
    """
    now = timezone.now()
    with transaction.atomic():
        old = BotToken.objects.select_for_update().select_related("bot").get(pk=token.pk)
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
            raise Conflict("This token is not valid any more")
        rooms = None if old.all_rooms else list(old.rooms.all())
        issued = issue(actor=actor, bot=old.bot, rooms=rooms)
        end = now + timedelta(hours=conf.CHAT_TOKEN_OVERLAP_HOURS)
        old.expires_at = min(old.expires_at, end) if old.expires_at else end
        old.save(update_fields=["expires_at"])
        rights.announce([old.bot_id])
    return issued


def revoke(*, actor: Actor, token: BotToken) -> None:
    """Ends a token, and what is open by it; nothing happens when it has ended."""
    with transaction.atomic():
        if BotToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(actor, "revoke-token", target_id=token.bot_id, token=token.beginning)
            rights.announce([token.bot_id])


def set_rooms(*, actor: Actor, token: BotToken, rooms: Iterable[Room] | None) -> None:
    """Changes which rooms a token opens; None: all that the bot is a member of. Open sockets leave the others."""
    with transaction.atomic():
        BotToken.objects.filter(pk=token.pk).update(all_rooms=rooms is None)
        token.rooms.set(rooms or ())
        names = None if rooms is None else sorted(token.rooms.values_list("name", flat=True))
        audit.record(actor, "scope-token", target_id=token.bot_id, token=token.beginning, rooms=names)
        rights.announce([token.bot_id])


# --- Their messages ---------------------------------------------------------------------------------------------------
def attach(new: NewMessage, stored: StoredMessage) -> StoredMessage:
    """Marks a message of a bot that was stored just now, in the same transaction."""
    if not new.bot:
        return stored
    Message.objects.filter(pk=stored.id).update(bot=True)
    return msgspec.structs.replace(stored, bot=True)


def of_user(user_id: Any) -> Bot | None:
    """The bot that this user is, where no token has said it."""
    return Bot.objects.filter(pk=user_id).first()


# --- For their webhooks -----------------------------------------------------------------------------------------------
def of_owner(actor: Actor, name: str) -> Bot:
    """The bot of this name that is the actor's; raises NoSuchUser."""
    found = Bot.objects.filter(pk=people.find(name), owner_id=actor.user_id).first()
    if found is None or actor.user_id is None:
        raise NoSuchUser
    return found


def check_number(room_id: int, webhooks: QuerySet[Any]) -> None:
    """Raises Conflict where a room has CHAT_MAX_WEBHOOKS of a kind already. To be called in a transaction."""
    Room.objects.select_for_update().filter(pk=room_id).first()
    if 0 < conf.CHAT_MAX_WEBHOOKS <= webhooks.filter(room_id=room_id).count():
        raise Conflict(f"A room has {conf.CHAT_MAX_WEBHOOKS} webhooks of a kind at most")
