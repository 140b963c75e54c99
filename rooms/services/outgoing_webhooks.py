"""Outgoing webhooks: made by moderators of a room, rotated, switched on again, tested, deleted.

A secret signs what is sent, so it is stored as it is: who reads the database can sign. It is returned once.
"""

import secrets
from datetime import timedelta
from typing import NamedTuple

import msgspec
from django.db import transaction
from django.utils import timezone

from rooms import access, outbound, signatures
from rooms.access import Action
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import BadFrame, NoSuchWebhook
from rooms.models import OutgoingWebhook, Room
from rooms.outbound import Outcome
from rooms.protocol.rules import timestamp
from rooms.services import audit, bots
from rooms.services.deliveries import signed_headers
from rooms.services.members import require_invitations
from rooms.storage import RoomAccess


class Created(NamedTuple):
    """`secret` is shown only now."""

    webhook: OutgoingWebhook
    secret: str


class Events(NamedTuple):
    """What a webhook is sent."""

    posted: bool = True
    edited: bool = True
    deleted: bool = True


ALL = Events()


def create(*, actor: Actor, name: str, title: str, url: str, events: Events = ALL) -> Created:
    """Makes a webhook of a room, as a moderator of it; it is sent what happens from now on.

    Raises NoSuchRoom, Banned, Forbidden, BadFrame for an address that is none, Conflict for too many webhooks.
    """
    room = access.authorize(actor, name, Action.UPDATE)
    require_invitations(room)
    found = Room.objects.get(pk=room.room_id)
    return create_as_staff(actor=actor, room=found, title=title, url=url, events=events)


def create_as_staff(*, actor: Actor, room: Room, title: str, url: str, events: Events) -> Created:
    """The same for who has the permission in the admin."""
    check_url(url)
    with transaction.atomic():
        bots.check_number(room.pk, OutgoingWebhook.objects.all())
        webhook = OutgoingWebhook.objects.create(
            room=room,
            name=title,
            url=url,
            secret=signatures.new_secret(),
            seq=Room.objects.values_list("last_seq", flat=True).get(pk=room.pk),  # under its lock
            created_by_id=actor.user_id,
            **events._asdict(),
        )
        audit.record(actor, "create-outgoing-webhook", room=room, webhook=webhook.pk, name=title)
    return Created(webhook, webhook.secret)


def check_new(room: Room, url: str) -> None:
    """Raises what would refuse it."""
    check_url(url)
    bots.check_number(room.pk, OutgoingWebhook.objects.all())


def check_url(url: str) -> None:
    """Raises BadFrame for an address that cannot be used. What its name leads to is looked up at each attempt."""
    if (wrong := outbound.problem(url)) is not None:
        raise BadFrame(f"The address cannot be used: {wrong}")


def of_room(*, actor: Actor, name: str) -> list[OutgoingWebhook]:
    """The webhooks of a room, for its moderators."""
    room = access.authorize(actor, name, Action.UPDATE)
    return list(OutgoingWebhook.objects.filter(room_id=room.room_id).select_related("room").order_by("pk"))


def rotate(*, actor: Actor, name: str, webhook_id: int) -> Created:
    """A new secret, as a moderator; for CHAT_TOKEN_OVERLAP_HOURS all is signed by both."""
    return _rotate(actor, *_found(actor, name, webhook_id))


def rotate_as_staff(*, actor: Actor, webhook: OutgoingWebhook) -> Created:
    """The same for who has the permission in the admin."""
    return _rotate(actor, webhook, webhook.room)


def _rotate(actor: Actor, webhook: OutgoingWebhook, room: RoomAccess | Room) -> Created:
    with transaction.atomic():
        found = OutgoingWebhook.objects.select_for_update().get(pk=webhook.pk)
        found.previous_secret, found.secret = found.secret, signatures.new_secret()
        found.previous_until = timezone.now() + timedelta(hours=conf.CHAT_TOKEN_OVERLAP_HOURS)
        found.save(update_fields=["secret", "previous_secret", "previous_until"])
        audit.record(actor, "rotate-outgoing-webhook", room=room, webhook=webhook.pk, name=webhook.name)
    return Created(found, found.secret)


def enable(*, actor: Actor, name: str, webhook_id: int) -> None:
    """Switches it on again, as a moderator; it goes on where it had stopped. Nothing happens to one that is on."""
    _enable(actor, *_found(actor, name, webhook_id))


def enable_as_staff(*, actor: Actor, webhook: OutgoingWebhook) -> None:
    _enable(actor, webhook, webhook.room)


def _enable(actor: Actor, webhook: OutgoingWebhook, room: RoomAccess | Room) -> None:
    with transaction.atomic():
        disabled = OutgoingWebhook.objects.filter(pk=webhook.pk).exclude(disabled_at=None)
        if disabled.update(disabled_at=None, failing_since=None, attempts=0, next_attempt_at=timezone.now()):
            audit.record(actor, "enable-outgoing-webhook", room=room, webhook=webhook.pk, name=webhook.name)


def delete(*, actor: Actor, name: str, webhook_id: int) -> None:
    """Deletes it, as a moderator of its room."""
    _delete(actor, *_found(actor, name, webhook_id))


def delete_as_staff(*, actor: Actor, webhook: OutgoingWebhook) -> None:
    _delete(actor, webhook, webhook.room)


def _delete(actor: Actor, webhook: OutgoingWebhook, room: RoomAccess | Room) -> None:
    with transaction.atomic():
        audit.record(actor, "delete-outgoing-webhook", room=room, webhook=webhook.pk, name=webhook.name)
        webhook.delete()


async def send_test(webhook: OutgoingWebhook) -> Outcome:
    """Sends an event of the type `test` now, once; the webhook's own events and attempts are left as they are."""
    now = timezone.now()
    body = msgspec.json.encode({"type": "test", "timestamp": timestamp(now), "data": {}})
    headers = signed_headers(webhook, f"evt_test_{secrets.token_hex(8)}", body, now)
    return await outbound.post(webhook.url, headers, body)


def _found(actor: Actor, name: str, webhook_id: int) -> tuple[OutgoingWebhook, RoomAccess]:
    room = access.authorize(actor, name, Action.UPDATE)
    found = OutgoingWebhook.objects.filter(pk=webhook_id, room_id=room.room_id).first()
    if found is None:
        raise NoSuchWebhook
    return found, room
