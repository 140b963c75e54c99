"""Incoming webhooks: made by moderators of a room, rotated, deleted; and the messages that come by them.

A secret has 256 random bits and is returned once; what is stored is its hash. Whatever is wrong with an address or a
secret, the answer is the same.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from rooms import access
from rooms.access import Action
from rooms.bot_tokens import USED_EVERY
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import AuthRequired, NoSuchWebhook
from rooms.models import Bot, IncomingWebhook, Room
from rooms.services import audit, bots
from rooms.services.members import make_member, require_invitations
from rooms.services.posting import post_message
from rooms.storage import RoomAccess, StoredMessage

PREFIX = "whk_"
SECRET_BYTES = 32


class Created(NamedTuple):
    """`secret` is known only here."""

    webhook: IncomingWebhook
    secret: str


# --- Making them ------------------------------------------------------------------------------------------------------
def create(*, actor: Actor, name: str, title: str, bot_name: str | None = None, may_mention: bool = False) -> Created:
    """Makes a webhook of a room, as a moderator of it; its author is a new bot of this title, or one of the actor's.

    Raises NoSuchRoom, Banned, Forbidden, BadFrame for a title that is no name of a user, Conflict for one that is
    taken, and for too many webhooks.
    """
    room = access.authorize(actor, name, Action.UPDATE)
    require_invitations(room)
    bot = bots.of_owner(actor, bot_name) if bot_name else None
    found = Room.objects.get(pk=room.room_id)
    return create_as_staff(actor=actor, room=found, title=title, bot=bot, may_mention=may_mention)


def create_as_staff(*, actor: Actor, room: Room, title: str, bot: Bot | None, may_mention: bool) -> Created:
    """The same for who has the permission in the admin, with any bot."""
    with transaction.atomic():
        bots.check_number(room.pk, IncomingWebhook.objects.all())
        bot = bot or bots.create(actor=actor, name=title, owner_id=actor.user_id)
        make_member(room_id=room.pk, user_id=bot.pk)
        secret = _new_secret()
        webhook = IncomingWebhook.objects.create(
            room=room,
            bot=bot,
            name=title,
            secret_hash=_hash(secret),
            may_mention=may_mention,
            created_by_id=actor.user_id,
        )
        audit.record(actor, "create-webhook", room=room, target_id=bot.pk, webhook=webhook.pk, name=title)
    return Created(webhook, secret)


def check_new(room: Room, title: str, bot: Bot | None) -> None:
    """Raises what would refuse it."""
    bots.check_number(room.pk, IncomingWebhook.objects.all())
    if bot is None:
        bots.check_name(title)


def of_room(*, actor: Actor, name: str) -> list[IncomingWebhook]:
    """The webhooks of a room, for its moderators."""
    room = access.authorize(actor, name, Action.UPDATE)
    return list(IncomingWebhook.objects.filter(room_id=room.room_id).select_related("bot__user").order_by("pk"))


def rotate(*, actor: Actor, name: str, webhook_id: int) -> Created:
    """A new secret, as a moderator; the old one is valid for CHAT_TOKEN_OVERLAP_HOURS more."""
    return _rotate(actor, *_found(actor, name, webhook_id))


def rotate_as_staff(*, actor: Actor, webhook: IncomingWebhook) -> Created:
    """The same for who has the permission in the admin."""
    return _rotate(actor, webhook, webhook.room)


def _rotate(actor: Actor, webhook: IncomingWebhook, room: RoomAccess | Room) -> Created:
    secret = _new_secret()
    with transaction.atomic():
        found = IncomingWebhook.objects.select_for_update().get(pk=webhook.pk)
        found.previous_hash, found.secret_hash = found.secret_hash, _hash(secret)
        found.previous_until = timezone.now() + timedelta(hours=conf.CHAT_TOKEN_OVERLAP_HOURS)
        found.save(update_fields=["secret_hash", "previous_hash", "previous_until"])
        audit.record(actor, "rotate-webhook", room=room, webhook=webhook.pk, name=webhook.name)
    return Created(found, secret)


def delete(*, actor: Actor, name: str, webhook_id: int) -> None:
    """Deletes a webhook, as a moderator of its room. Its messages and their author stay."""
    _delete(actor, *_found(actor, name, webhook_id))


def delete_as_staff(*, actor: Actor, webhook: IncomingWebhook) -> None:
    _delete(actor, webhook, webhook.room)


def _delete(actor: Actor, webhook: IncomingWebhook, room: RoomAccess | Room) -> None:
    with transaction.atomic():
        audit.record(actor, "delete-webhook", room=room, webhook=webhook.pk, name=webhook.name)
        webhook.delete()


def set_active(*, actor: Actor, webhook: IncomingWebhook, on: bool) -> None:
    """Switches it on or off, for who has the permission in the admin."""
    with transaction.atomic():
        if IncomingWebhook.objects.filter(pk=webhook.pk, active=not on).update(active=on):
            action = "start-webhook" if on else "stop-webhook"
            audit.record(actor, action, room=webhook.room, webhook=webhook.pk, name=webhook.name)


def set_may_mention(*, actor: Actor, webhook: IncomingWebhook, on: bool) -> None:
    """Whether names in its messages mention people."""
    with transaction.atomic():
        if IncomingWebhook.objects.filter(pk=webhook.pk, may_mention=not on).update(may_mention=on):
            audit.record(actor, "change-webhook", room=webhook.room, webhook=webhook.pk, may_mention=on)


def _found(actor: Actor, name: str, webhook_id: int) -> tuple[IncomingWebhook, RoomAccess]:
    room = access.authorize(actor, name, Action.UPDATE)
    found = IncomingWebhook.objects.filter(pk=webhook_id, room_id=room.room_id).first()
    if found is None:
        raise NoSuchWebhook
    return found, room


def path(webhook_id: int, secret: str) -> str:
    """The path that has the secret in it, with the prefix of the site; empty where the chat's routes are not served."""
    try:
        found = reverse("chat:api-hook-by-path", args=[webhook_id, secret])
    except NoReverseMatch:
        return ""
    # Only threads of requests know the prefix of the site.
    prefix = settings.FORCE_SCRIPT_NAME if get_script_prefix() == "/" else None
    return (prefix or "").rstrip("/") + found


# --- What comes by them -----------------------------------------------------------------------------------------------
@sensitive_variables("secret")
def identify(*, webhook_id: int, secret: str) -> IncomingWebhook:
    """The webhook of this secret; AuthRequired for any that is none, wrong, switched off or deleted."""
    webhook = IncomingWebhook.objects.select_related("bot", "room").filter(pk=webhook_id).first()
    now = timezone.now()
    if webhook is None or not _matches(webhook, _hash(secret), now) or not (webhook.active and webhook.bot.active):
        raise AuthRequired("No webhook has this address and secret")
    if webhook.used_at is None or webhook.used_at < now - USED_EVERY:
        unnoted = Q(used_at=None) | Q(used_at__lt=now - USED_EVERY)
        IncomingWebhook.objects.filter(unnoted, pk=webhook.pk).update(used_at=now)
    return webhook


def _matches(webhook: IncomingWebhook, hashed: str, now: datetime) -> bool:
    if constant_time_compare(webhook.secret_hash, hashed):
        return True
    is_open = webhook.previous_until is not None and webhook.previous_until > now
    return is_open and constant_time_compare(webhook.previous_hash, hashed)


def post(*, webhook: IncomingWebhook, content: str, client_id: str | None = None) -> StoredMessage:
    """Posts as its bot, by the rules of the room; raises what refuses a message."""
    room = access.room(webhook.bot_id, webhook.room.name)
    return post_message(
        room_id=room.room_id,
        author_id=webhook.bot_id,
        content=content,
        client_id=client_id,
        bot=True,
        bot_mentions=webhook.may_mention,
    )


def _new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
