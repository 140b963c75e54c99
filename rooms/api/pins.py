"""Pinning messages over HTTP, and reading those that are pinned."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.api.messages import MessagePage
from rooms.api.reactions import ChangedMessage
from rooms.openapi import parameters, responses
from rooms.protocol.commands.base import Seq
from rooms.protocol.commands.history import HISTORY_DEFAULT
from rooms.services import pins


class Pin(msgspec.Struct):
    """With `on: false` the pin is taken away."""

    on: bool = True


class PinsQuery(msgspec.Struct):
    """Without `before` the newest page."""

    before: Seq | None = None
    limit: rest.Limit = HISTORY_DEFAULT


class PinView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=Pin, responses=responses({200: ChangedMessage}, 400, 401, 403, 404, 409), tags=["rooms"])
    def post(self, request: Request, name: str, message_id: str) -> Response:
        """Pins a message, or takes its pin away; what is so already stays so."""
        wanted, actor = rest.body(request.data, Pin), callers.actor(request.user, "rest")
        pinned = pins.pin_message(actor=actor, name=name, message_id=message_id, on=wanted.on)
        return rest.answer(ChangedMessage(str(pinned.id), pinned.seq, pinned.changed_seq))


class PinsView(View):
    buckets = {"GET": "reads"}

    @extend_schema(
        parameters=parameters(PinsQuery), responses=responses({200: MessagePage}, 400, 401, 403, 404), tags=["rooms"]
    )
    def get(self, request: Request, name: str) -> Response:
        """A page of the pinned messages of a room, in the order of their seq."""
        query, actor = rest.query(request.query_params, PinsQuery), callers.actor(request.user, "rest")
        return rest.answer(MessagePage(pins.page(actor=actor, name=name, limit=query.limit, before=query.before)))
