"""Searching messages over HTTP."""

from collections.abc import Sequence

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import rest
from rooms.api.base import View
from rooms.openapi import parameters, responses
from rooms.protocol.commands.base import MessageId
from rooms.protocol.commands.search import FOUND_DEFAULT, Query
from rooms.protocol.frames.search import SearchResult
from rooms.protocol.rules import room_name
from rooms.services.search import search_messages


class SearchQuery(msgspec.Struct, rename="camel"):
    """The query as the socket's command `search` has it."""

    query: Query
    room_id: str | None = None
    before: MessageId | None = None
    limit: rest.Limit = FOUND_DEFAULT


class FoundMessages(msgspec.Struct):
    """The newest first. `next` is the `before` of the next page, or null."""

    results: Sequence[SearchResult]
    next: str | None


class SearchView(View):
    buckets = {"GET": "reads"}

    @extend_schema(
        operation_id="search",
        parameters=parameters(SearchQuery),
        responses=responses({200: FoundMessages}, 400, 401, 403, 404, 503),
        tags=["search"],
    )
    def get(self, request: Request) -> Response:
        """Searches the messages of one's own rooms, or of one room."""
        query = rest.query(request.query_params, SearchQuery)
        page = search_messages(
            user_id=request.user.pk,
            query=query.query,
            name=room_name(query.room_id) if query.room_id is not None else None,
            before=query.before,
            limit=query.limit,
        )
        return rest.answer(FoundMessages(page.results, page.next))
