"""The list of slash commands over HTTP."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.openapi import responses
from rooms.protocol.frames.slash_commands import CommandInfo
from rooms.services import slash_commands


class CommandList(msgspec.Struct):
    """The chat's own ones first."""

    commands: list[CommandInfo]


class CommandsView(View):
    buckets = {"GET": "reads"}

    @extend_schema(responses=responses({200: CommandList}, 400, 401, 403, 404), tags=["rooms"])
    def get(self, request: Request, name: str) -> Response:
        """The slash commands that one may use in a room, in the language of the request."""
        actor = callers.actor(request.user, "rest")
        return rest.answer(CommandList(slash_commands.listed(actor=actor, name=name)))
