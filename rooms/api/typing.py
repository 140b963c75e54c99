"""Showing others that one is typing."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.live import roster
from rooms.openapi import responses
from rooms.services.typing import show_typing


class TypingNow(msgspec.Struct):
    """`on` false: no more."""

    on: bool = True


class TypingView(View):
    buckets = {"POST": "typing"}

    @extend_schema(request=TypingNow, responses=responses({204: None}, 400, 401, 403, 404), tags=["rooms"])
    def post(self, request: Request, name: str) -> Response:
        """Shows those in the room that the caller is typing, for some seconds."""
        wanted, actor = rest.body(request.data, TypingNow), callers.actor(request.user, "rest")
        show_typing(actor=actor, name=name, on=wanted.on, counts=roster.member_counts)
        return Response(status=204)
