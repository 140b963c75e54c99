"""What outgoing webhooks are sent: the next event of each, and what becomes of an attempt.

A room's own numbered stream is the list of what is to be sent, so what a message's commit stores is all that a delivery
needs: nothing is lost between the two, and posting costs nothing. A webhook knows up to which seq it has come. Events
are sent in their order, and carry their message as it is now.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import structlog
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from rooms import signatures, storage
from rooms.conf import conf
from rooms.models import BulkDeletion, Message, OutgoingWebhook
from rooms.outbound import Outcome
from rooms.protocol.rules import timestamp
from rooms.services.changes import OPEN, bulk_frame, hidden_change, message_frame

log = structlog.get_logger(__name__)
DELAYS_S = (5, 300, 1_800, 7_200, 28_800, 86_400)  # after each failed attempt; then the event is given up
JITTER = 0.2  # of a delay: receivers that were away together are not asked together
LEASE_S = 20  # beyond the time for an answer: after it another process takes over from one that has died
GONE = 410
USER_AGENT = "chat-webhooks"


class Event(NamedTuple):
    """What happened at this seq; `message_id` is None for many messages at once."""

    seq: int
    kind: str
    message_id: int | None = None


class Delivery(NamedTuple):
    """One attempt: what is to be sent, and by which lease."""

    webhook_id: int
    leased_until: datetime
    seq: int
    url: str
    headers: dict[str, str]
    body: bytes


# --- Which are due ----------------------------------------------------------------------------------------------------
def active() -> QuerySet[OutgoingWebhook]:
    return OutgoingWebhook.objects.filter(disabled_at=None, room__removed_at=None)


def rooms_with_webhooks() -> dict[int, int]:
    """The rooms that have one, and how many changes of each the furthest behind has not been sent."""
    found: dict[int, int] = {}
    for room_id, behind in active().values_list("room_id", F("room__last_seq") - F("seq")):
        found[room_id] = max(behind, found.get(room_id, 0))
    return found


def due() -> list[int]:
    """The webhooks that have something to be sent now."""
    waiting = active().filter(_is_free(timezone.now()), room__last_seq__gt=F("seq"))
    return list(waiting.order_by("next_attempt_at").values_list("pk", flat=True))


def _is_free(now: datetime) -> Q:
    return (Q(leased_until=None) | Q(leased_until__lte=now)) & Q(next_attempt_at__lte=now)


def claim(*, webhook_id: int) -> Delivery | None:
    """Takes the next event of a webhook for this process; None: there is none, or another process has it."""
    now = timezone.now()
    until = now + timedelta(seconds=(conf.CHAT_WEBHOOK_TIMEOUT_S or 3_600) + LEASE_S)
    free = OutgoingWebhook.objects.filter(_is_free(now), pk=webhook_id, disabled_at=None)
    if not free.update(leased_until=until):
        return None
    webhook = OutgoingWebhook.objects.select_related("room").filter(pk=webhook_id, room__removed_at=None).first()
    if webhook is None:  # deleted at this moment, or its room is
        return None
    head = webhook.room.last_seq  # read before the events: what comes later is found the next time
    for event in _events(webhook):
        body = _body(webhook, event)
        if body is None:
            continue
        if webhook.tried_seq != event.seq:
            _update(webhook_id, until, tried_seq=event.seq, attempts=0, seq=event.seq - 1)
        return Delivery(webhook_id, until, event.seq, webhook.url, _headers(webhook, event, body, now), body)
    _update(webhook_id, until, seq=head, leased_until=None)
    return None


def _update(webhook_id: int, lease: datetime, **values: Any) -> bool:
    """Changes a webhook that this process still has."""
    return bool(OutgoingWebhook.objects.filter(pk=webhook_id, leased_until=lease).update(**values))


# --- Its events -------------------------------------------------------------------------------------------------------
def _events(webhook: OutgoingWebhook) -> Iterator[Event]:
    """What the webhook is for, in order, from where it is: each found by a few reads of an index."""
    seq = webhook.seq
    while (event := _next(webhook, seq)) is not None:
        yield event
        seq = event.seq


def _next(webhook: OutgoingWebhook, after: int) -> Event | None:
    messages = Message.objects.filter(room_id=webhook.room_id)
    found = []
    if webhook.posted:
        there = messages.filter(deleted_at=None)
        first = there.filter(seq__gt=after, whole_seq=None).exclude(stream=OPEN).order_by("seq")
        found += [Event(seq, "message.posted", key) for key, seq in first.values_list("pk", "seq")[:1]]
        whole = there.filter(whole_seq__gt=after).order_by("whole_seq")  # their texts came in pieces
        found += [Event(seq or 0, "message.posted", key) for key, seq in whole.values_list("pk", "whole_seq")[:1]]
    if webhook.edited:
        first = messages.filter(edited_seq__gt=after, deleted_at=None).order_by("edited_seq")
        found += [Event(seq or 0, "message.edited", key) for key, seq in first.values_list("pk", "edited_seq")[:1]]
    if webhook.deleted:
        many = BulkDeletion.objects.filter(room_id=webhook.room_id, changed_seq__gt=after).order_by("changed_seq")
        found += [Event(seq, "messages.deleted") for seq in many.values_list("changed_seq", flat=True)[:1]]
        before = min((event.seq for event in found), default=webhook.room.last_seq + 1)
        changed = messages.filter(changed_seq__gt=after, changed_seq__lt=before).exclude(deleted_at=None)
        gone = changed.filter(changed_seq__gt=F("seq")).order_by("changed_seq")  # else it is one of many
        found += [Event(seq, "message.deleted", key) for key, seq in gone.values_list("pk", "changed_seq")[:1]]
    return min(found, default=None)


def _body(webhook: OutgoingWebhook, event: Event) -> bytes | None:
    """None for a message that was deleted since: that has an event of its own."""
    if event.message_id is None:
        rows = storage.bulk_deletions(room_id=webhook.room_id, after=event.seq - 1, up_to=event.seq)
        return _encoded(event.kind, bulk_frame(webhook.room.name, rows[0])) if rows else None
    message = storage.message(message_id=event.message_id)
    if message is None or (message.deleted_at is not None) != (event.kind == "message.deleted"):
        return None
    return _encoded(event.kind, hidden_change(message) if message.deleted_at else message_frame(message))


def _encoded(kind: str, frame: msgspec.Struct) -> bytes:
    data = msgspec.to_builtins(frame)
    data.pop("type", None)
    return msgspec.json.encode({"type": kind, "timestamp": timestamp(timezone.now()), "data": data})


def _headers(webhook: OutgoingWebhook, event: Event, body: bytes, now: datetime) -> dict[str, str]:
    return signed_headers(webhook, f"evt_{webhook.pk}_{webhook.room.epoch}_{event.seq}", body, now)


def signed_headers(webhook: OutgoingWebhook, event_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of an attempt; after a rotation it is signed by both secrets, until the old one ends."""
    keys = [webhook.secret]
    if webhook.previous_until is not None and webhook.previous_until > now:
        keys.append(webhook.previous_secret)
    moment = int(now.timestamp())
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": event_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": signatures.sign(keys, event_id=event_id, timestamp=moment, body=body),
    }


# --- What becomes of an attempt ---------------------------------------------------------------------------------------
def settle(*, delivery: Delivery, outcome: Outcome) -> str:
    """Notes an attempt: `delivered`, `failed`, `dropped` (its last attempt) or `disabled`; `lost` when another process
    has the webhook by now."""
    webhook = OutgoingWebhook.objects.filter(pk=delivery.webhook_id, leased_until=delivery.leased_until).first()
    if webhook is None:
        return "lost"
    now = timezone.now()
    if 200 <= outcome.status < 300:
        result, values = "delivered", _delivered(delivery, now)
    else:
        result, values = _failed(webhook, delivery, outcome, now)
    if result != "delivered":
        details = {"webhook": webhook.pk, "room": webhook.room_id, "attempt": webhook.attempts + 1}
        level = log.info if result == "failed" else log.warning
        level(f"webhook.{result}", error=outcome.error, **details)
    return result if _update(webhook.pk, delivery.leased_until, leased_until=None, **values) else "lost"


def _delivered(delivery: Delivery, now: datetime) -> dict[str, Any]:
    values = {"attempts": 0, "tried_seq": None, "failing_since": None, "last_error": "", "next_attempt_at": now}
    return {**values, "seq": delivery.seq, "delivered_at": now}


def _failed(
    webhook: OutgoingWebhook, delivery: Delivery, outcome: Outcome, now: datetime
) -> tuple[str, dict[str, Any]]:
    since, attempts = webhook.failing_since or now, webhook.attempts + 1
    values: dict[str, Any] = {"failing_since": since, "last_error": outcome.error[:200]}
    days = conf.CHAT_WEBHOOK_DISABLE_DAYS
    if outcome.status == GONE or (days and now - since >= timedelta(days=days)):
        return "disabled", {**values, "attempts": attempts, "disabled_at": now}
    if attempts > len(DELAYS_S):
        return "dropped", {**values, "attempts": 0, "tried_seq": None, "seq": delivery.seq, "next_attempt_at": now}
    delay_s = DELAYS_S[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads a load
    return "failed", {**values, "attempts": attempts, "next_attempt_at": now + timedelta(seconds=delay_s)}
