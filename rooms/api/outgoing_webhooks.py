"""Outgoing webhooks of a room, managed by its moderators."""

from typing import Annotated

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.api.incoming_webhooks import Name
from rooms.models import OutgoingWebhook
from rooms.openapi import responses
from rooms.outbound import MAX_URL
from rooms.protocol.rules import timestamp
from rooms.services import outgoing_webhooks
from rooms.services.outgoing_webhooks import Events

Url = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_URL)]


class NewOutgoingWebhook(msgspec.Struct):
    """It is sent new messages, edits and deletions, each unless it is false."""

    name: Name
    url: Url
    posted: bool = True
    edited: bool = True
    deleted: bool = True


class OutgoingWebhookMade(msgspec.Struct):
    """`secret` verifies what is sent, and is shown this once."""

    id: int
    secret: str


class OutgoingWebhookDetail(msgspec.Struct, rename="camel"):
    """`behind` counts the room's changes that were not sent yet. One that failed for too long has a `disabledAt`."""

    id: int
    name: str
    url: str
    posted: bool
    edited: bool
    deleted: bool
    behind: int
    attempts: int
    last_error: str
    delivered_at: str | None
    failing_since: str | None
    disabled_at: str | None
    created_at: str


class OutgoingWebhookList(msgspec.Struct):
    """Their secrets are shown to nobody."""

    webhooks: list[OutgoingWebhookDetail]


class OutgoingWebhooksView(View):
    buckets = {"POST": "changes"}

    @extend_schema(responses=responses({200: OutgoingWebhookList}, 400, 401, 403, 404), tags=["webhooks"])
    def get(self, request: Request, name: str) -> Response:
        """The outgoing webhooks of a room, for its moderators."""
        found = outgoing_webhooks.of_room(actor=callers.actor(request.user, "rest"), name=name)
        return rest.answer(OutgoingWebhookList([_detail(webhook) for webhook in found]))

    @extend_schema(
        request=NewOutgoingWebhook,
        responses=responses({201: OutgoingWebhookMade}, 400, 401, 403, 404, 409, 413),
        tags=["webhooks"],
    )
    def post(self, request: Request, name: str) -> Response:
        """Makes an outgoing webhook, as a moderator of the room."""
        wanted, actor = rest.body(request.data, NewOutgoingWebhook), callers.actor(request.user, "rest")
        events = Events(wanted.posted, wanted.edited, wanted.deleted)
        created = outgoing_webhooks.create(actor=actor, name=name, title=wanted.name, url=wanted.url, events=events)
        return rest.answer(OutgoingWebhookMade(created.webhook.pk, created.secret), 201)


class OutgoingWebhookView(View):
    buckets = {"DELETE": "changes"}

    @extend_schema(responses=responses({204: None}, 400, 401, 403, 404), tags=["webhooks"])
    def delete(self, request: Request, name: str, webhook_id: int) -> Response:
        """Deletes it, as a moderator of the room."""
        actor = callers.actor(request.user, "rest")
        outgoing_webhooks.delete(actor=actor, name=name, webhook_id=int(webhook_id))
        return Response(status=204)


class OutgoingWebhookSecretView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=None, responses=responses({201: OutgoingWebhookMade}, 400, 401, 403, 404), tags=["webhooks"])
    def post(self, request: Request, name: str, webhook_id: int) -> Response:
        """Gives it a new secret, as a moderator of the room; for a while all is signed by the old one too."""
        actor = callers.actor(request.user, "rest")
        created = outgoing_webhooks.rotate(actor=actor, name=name, webhook_id=int(webhook_id))
        return rest.answer(OutgoingWebhookMade(created.webhook.pk, created.secret), 201)


class OutgoingWebhookEnabledView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=None, responses=responses({204: None}, 400, 401, 403, 404), tags=["webhooks"])
    def post(self, request: Request, name: str, webhook_id: int) -> Response:
        """Switches it on again after it was disabled; it goes on where it had stopped."""
        actor = callers.actor(request.user, "rest")
        outgoing_webhooks.enable(actor=actor, name=name, webhook_id=int(webhook_id))
        return Response(status=204)


def _detail(webhook: OutgoingWebhook) -> OutgoingWebhookDetail:
    return OutgoingWebhookDetail(
        id=webhook.pk,
        name=webhook.name,
        url=webhook.url,
        posted=webhook.posted,
        edited=webhook.edited,
        deleted=webhook.deleted,
        behind=webhook.room.last_seq - webhook.seq,
        attempts=webhook.attempts,
        last_error=webhook.last_error,
        delivered_at=timestamp(webhook.delivered_at) if webhook.delivered_at else None,
        failing_since=timestamp(webhook.failing_since) if webhook.failing_since else None,
        disabled_at=timestamp(webhook.disabled_at) if webhook.disabled_at else None,
        created_at=timestamp(webhook.created_at),
    )
