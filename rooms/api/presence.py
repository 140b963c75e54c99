"""Who is online."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import rest
from rooms.api.base import View
from rooms.live import roster
from rooms.openapi import responses
from rooms.protocol.frames.presence import OnlineUser
from rooms.protocol.rules import timestamp


class OnlinePeople(msgspec.Struct):
    """People, not sockets; the longest there first."""

    users: list[OnlineUser]


class OnlineView(View):
    @extend_schema(responses=responses({200: OnlinePeople}, 401), tags=["rooms"])
    def get(self, request: Request) -> Response:  # noqa: ARG002 - its shape is DRF's
        """Who is online."""
        users = [
            OnlineUser(person.user_id, person.username, timestamp(person.authenticated_at))
            for person in roster.online()
        ]
        return rest.answer(OnlinePeople(users))
