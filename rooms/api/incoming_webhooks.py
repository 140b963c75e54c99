"""Incoming webhooks: managed by moderators of a room, and called by other systems."""

from typing import Annotated

import msgspec
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, guesses, people, rest
from rooms.api import rates
from rooms.api.base import View
from rooms.api.messages import status_of
from rooms.authentication import bearer
from rooms.errors import BadFrame
from rooms.models import IncomingWebhook
from rooms.openapi import responses
from rooms.protocol.commands.base import Id
from rooms.protocol.rules import timestamp
from rooms.services import incoming_webhooks

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=r"^[^\x00]*$")]


class NewIncomingWebhook(msgspec.Struct, rename="camel"):
    """Its author is a new bot with this `name`, or the `bot` of this username, of which the caller is the owner."""

    name: Name
    bot: Name | None = None
    may_mention: bool = False


class IncomingWebhookMade(msgspec.Struct, rename="camel"):
    """`secret` and `url`, the path with the secret in it, are shown this once."""

    id: int
    secret: str
    url: str


class IncomingWebhookDetail(msgspec.Struct, rename="camel"):
    """`lastUsedAt` is right to within an hour. `username` is that of the bot that speaks."""

    id: int
    name: str
    username: str
    may_mention: bool
    active: bool
    created_at: str
    last_used_at: str | None


class IncomingWebhookList(msgspec.Struct):
    """Their secrets are shown to nobody."""

    webhooks: list[IncomingWebhookDetail]


class HookMessage(msgspec.Struct, rename="camel"):
    """One of `content` and `text`, which is how Slack calls it. `clientId` is the sender's own name for this message:
    sent again with the same one, nothing is stored.
    """

    content: str | None = None
    text: str | None = None
    client_id: Id | None = None


class HookPosted(msgspec.Struct, rename="camel"):
    room_id: str
    message_id: str
    seq: int
    timestamp: str


POSTED = responses(
    {201: HookPosted, 200: OpenApiResponse(HookPosted, "The message of this `clientId`, which was stored before.")},
    *(400, 401, 403, 404, 409, 413),
)


class IncomingWebhooksView(View):
    buckets = {"POST": "changes"}

    @extend_schema(responses=responses({200: IncomingWebhookList}, 400, 401, 403, 404), tags=["webhooks"])
    def get(self, request: Request, name: str) -> Response:
        """The incoming webhooks of a room, for its moderators."""
        found = incoming_webhooks.of_room(actor=callers.actor(request.user, "rest"), name=name)
        return rest.answer(IncomingWebhookList([_detail(webhook) for webhook in found]))

    @extend_schema(
        request=NewIncomingWebhook,
        responses=responses({201: IncomingWebhookMade}, 400, 401, 403, 404, 409, 413),
        tags=["webhooks"],
    )
    def post(self, request: Request, name: str) -> Response:
        """Makes an incoming webhook, as a moderator of the room."""
        wanted, actor = rest.body(request.data, NewIncomingWebhook), callers.actor(request.user, "rest")
        created = incoming_webhooks.create(
            actor=actor, name=name, title=wanted.name, bot_name=wanted.bot, may_mention=wanted.may_mention
        )
        return rest.answer(_made(created), 201)


class IncomingWebhookView(View):
    buckets = {"DELETE": "changes"}

    @extend_schema(responses=responses({204: None}, 400, 401, 403, 404), tags=["webhooks"])
    def delete(self, request: Request, name: str, webhook_id: int) -> Response:
        """Deletes it, as a moderator of the room. Its messages stay."""
        actor = callers.actor(request.user, "rest")
        incoming_webhooks.delete(actor=actor, name=name, webhook_id=int(webhook_id))
        return Response(status=204)


class IncomingWebhookSecretView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=None, responses=responses({201: IncomingWebhookMade}, 400, 401, 403, 404), tags=["webhooks"])
    def post(self, request: Request, name: str, webhook_id: int) -> Response:
        """Gives it a new secret, as a moderator of the room; the old one is valid for a while."""
        actor = callers.actor(request.user, "rest")
        created = incoming_webhooks.rotate(actor=actor, name=name, webhook_id=int(webhook_id))
        return rest.answer(_made(created), 201)


class HookView(View):
    """Open to whoever has the secret."""

    authentication_classes: tuple[type[BaseAuthentication], ...] = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="hooks_post", request=HookMessage, responses=POSTED, tags=["webhooks"])
    def post(self, request: Request, webhook_id: int) -> Response:
        """Posts a message as the webhook's bot. The secret is in `Authorization: Bearer`."""
        return _post(request, int(webhook_id), bearer(request) or "")


class HookByPathView(HookView):
    """The same where the secret is in the path; `rooms.sockets` has moved it already where it has the request first."""

    @extend_schema(operation_id="hooks_post_by_path", request=HookMessage, responses=POSTED, tags=["webhooks"])
    def post(self, request: Request, webhook_id: int, secret: str) -> Response:  # type: ignore[override]  # by its route
        """Posts a message as the webhook's bot, for systems that send no header."""
        _hide(request, secret)
        return _post(request, int(webhook_id), secret)


def _post(request: Request, webhook_id: int, secret: str) -> Response:
    with guesses.token(address=request.META.get("REMOTE_ADDR", ""), door="webhook"):
        webhook = incoming_webhooks.identify(webhook_id=webhook_id, secret=secret)
    rates.here().spend("webhooks", webhook.pk)
    new = rest.body(request.data, HookMessage)
    message = incoming_webhooks.post(webhook=webhook, content=_content(new), client_id=new.client_id)
    made = HookPosted(message.room_name, str(message.id), message.seq, timestamp(message.created_at))
    return rest.answer(made, status_of(message))


def _hide(request: Request, secret: str) -> None:
    """Whatever logs or records this request later finds a path without the secret."""
    inner = request._request  # noqa: SLF001 - DRF documents it: the request that Django logs
    inner.path, inner.path_info = (text.replace(f"/{secret}", "") for text in (inner.path, inner.path_info))
    if "PATH_INFO" in inner.META:
        inner.META["PATH_INFO"] = inner.path_info
    if inner.resolver_match is not None:
        inner.resolver_match.kwargs = {**inner.resolver_match.kwargs, "secret": ""}


def _content(new: HookMessage) -> str:
    if (new.content is None) == (new.text is None):
        raise BadFrame("One of `content` and `text` is needed")
    return new.content if new.content is not None else str(new.text)


def _made(created: incoming_webhooks.Created) -> IncomingWebhookMade:
    webhook, secret = created
    return IncomingWebhookMade(webhook.pk, secret, incoming_webhooks.path(webhook.pk, secret))


def _detail(webhook: IncomingWebhook) -> IncomingWebhookDetail:
    return IncomingWebhookDetail(
        id=webhook.pk,
        name=webhook.name,
        username=people.shown(webhook.bot.user).name,
        may_mention=webhook.may_mention,
        active=webhook.active,
        created_at=timestamp(webhook.created_at),
        last_used_at=timestamp(webhook.used_at) if webhook.used_at else None,
    )
