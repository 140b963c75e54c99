"""What one has missed."""

from collections.abc import Sequence

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import rest
from rooms.api.base import View
from rooms.openapi import parameters, responses
from rooms.protocol.commands.base import MessageId
from rooms.protocol.commands.mentions import MISSED_DEFAULT
from rooms.protocol.frames.marks import Unread
from rooms.protocol.frames.mentions import MissedMessage
from rooms.services.missed import missed


class MissedQuery(msgspec.Struct):
    """`before` is the `next` of the page before."""

    before: MessageId | None = None
    limit: rest.Limit = MISSED_DEFAULT


class MissedPage(msgspec.Struct):
    """The newest first. `next` is the `before` of the next page, or null; `rooms` are on the first page."""

    mentions: Sequence[MissedMessage]
    next: str | None
    rooms: Sequence[Unread] | None


class MissedView(View):
    buckets = {"GET": "reads"}

    @extend_schema(
        parameters=parameters(MissedQuery), responses=responses({200: MissedPage}, 400, 401), tags=["reading"]
    )
    def get(self, request: Request) -> Response:
        """Messages that mention the caller or answer theirs and that they have not read, and rooms with unread ones."""
        query = rest.query(request.query_params, MissedQuery)
        page = missed(user_id=request.user.pk, before=query.before, limit=query.limit)
        return rest.answer(MissedPage(page.mentions, page.next, page.rooms))
