"""Reading what answers a message over HTTP."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.api.messages import MessagePage, MessagesQuery
from rooms.openapi import parameters, responses
from rooms.services import replies


class RepliesView(View):
    buckets = {"GET": "reads"}

    @extend_schema(
        parameters=parameters(MessagesQuery),
        responses=responses({200: MessagePage}, 400, 401, 403, 404),
        tags=["rooms"],
    )
    def get(self, request: Request, name: str, message_id: str) -> Response:
        """A page of the thread that begins with a message: the newest, or those before or after a seq."""
        query, actor = rest.query(request.query_params, MessagesQuery), callers.actor(request.user, "rest")
        found = replies.page(
            actor=actor,
            name=name,
            message_id=message_id,
            limit=query.limit,
            before=query.before,
            after=query.after,
        )
        return rest.answer(MessagePage(found))
