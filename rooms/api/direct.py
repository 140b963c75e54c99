"""Rooms of two people or a few."""

from functools import partial
from typing import Annotated

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api import rates
from rooms.api.base import View
from rooms.api.rooms import RoomDetail, detail
from rooms.openapi import responses
from rooms.protocol.commands.base import Username
from rooms.protocol.commands.direct import USERS_MAX
from rooms.services import direct


class DirectPeople(msgspec.Struct):
    """The others; the caller is in the room in any case."""

    users: Annotated[list[Username], msgspec.Meta(min_length=1, max_length=USERS_MAX)]


class DirectView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=DirectPeople, responses=responses({200: RoomDetail}, 400, 401, 403, 404), tags=["rooms"])
    def post(self, request: Request) -> Response:
        """The direct room of the caller and these people, made if there is none: the same people have one."""
        wanted = rest.body(request.data, DirectPeople)
        room = direct.open_direct(
            actor=callers.actor(request.user, "rest"),
            usernames=wanted.users,
            before_creating=partial(rates.here().spend, "new-rooms", request.user.pk),
        )
        return rest.answer(detail(room))
