"""Moderating rooms and the whole chat over HTTP."""

from typing import Any, Literal

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import access, callers, rest
from rooms.api.base import View
from rooms.openapi import responses
from rooms.protocol.commands.base import Reason, Username
from rooms.protocol.commands.moderation import Act, Minutes, Role, SlowMode, Title, Topic
from rooms.services import moderation, room_settings, server_bans

TAGS = ["moderation"]


class Moderation(msgspec.Struct):
    """What to do with whom, as by the socket's command `moderate`; without `minutes` a mute or a ban is for ever."""

    username: Username
    action: Act
    minutes: Minutes | None = None
    role: Role | None = None
    reason: Reason = ""


class RoomSettings(msgspec.Struct, rename="camel"):
    """What is present is changed."""

    title: Title | None = None
    topic: Topic | None = None
    slow_mode_s: SlowMode | None = None
    locked: bool | None = None
    history: Literal["all", "joined"] | None = None


class Closing(msgspec.Struct):
    """With `on: false` the room is opened again."""

    on: bool = True


class ChatBan(msgspec.Struct):
    """Without `minutes` it is for ever."""

    username: Username
    minutes: Minutes | None = None
    reason: Reason = ""


class Person(msgspec.Struct):
    username: Username
    reason: Reason = ""


class ModerationView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=Moderation, responses=responses({204: None}, 400, 401, 403, 404, 409), tags=TAGS)
    def post(self, request: Request, name: str) -> Response:
        """Acts on a person in a room."""
        wanted = rest.body(request.data, Moderation)
        moderation.moderate(actor=callers.actor(request.user, "rest"), name=name, **msgspec.structs.asdict(wanted))
        return Response(status=204)


class SettingsView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=RoomSettings, responses=responses({204: None}, 400, 401, 403, 404), tags=TAGS)
    def post(self, request: Request, name: str) -> Response:
        """Changes the settings of a room."""
        wanted: dict[str, Any] = msgspec.structs.asdict(rest.body(request.data, RoomSettings))
        room_settings.update_room(actor=callers.actor(request.user, "rest"), name=name, **wanted)
        return Response(status=204)


class ClosingView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=Closing, responses=responses({204: None}, 400, 401, 403, 404), tags=TAGS)
    def post(self, request: Request, name: str) -> Response:
        """Closes a room, which can then only be read, or opens it again."""
        wanted = rest.body(request.data, Closing)
        room_settings.close_room(actor=callers.actor(request.user, "rest"), name=name, on=wanted.on)
        return Response(status=204)


class BansView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=ChatBan, responses=responses({204: None}, 400, 401, 403, 404), tags=TAGS)
    def post(self, request: Request) -> Response:
        """Bans a person from the whole chat; for admins."""
        actor = access.admin(callers.actor(request.user, "rest"))
        wanted = rest.body(request.data, ChatBan)
        server_bans.ban_from_server(
            actor=actor,
            user_id=server_bans.find(wanted.username),
            until=moderation.ends_at(wanted.minutes),
            reason=wanted.reason,
        )
        return Response(status=204)


class UnbanView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=Person, responses=responses({204: None}, 400, 401, 403, 404), tags=TAGS)
    def post(self, request: Request) -> Response:
        """Lets a person into the chat again; for admins."""
        actor = access.admin(callers.actor(request.user, "rest"))
        wanted = rest.body(request.data, Person)
        server_bans.unban_from_server(actor=actor, user_id=server_bans.find(wanted.username), reason=wanted.reason)
        return Response(status=204)


class DisconnectView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=Person, responses=responses({204: None}, 400, 401, 403, 404), tags=TAGS)
    def post(self, request: Request) -> Response:
        """Closes all connections of a person, who may come back; for admins."""
        actor = access.admin(callers.actor(request.user, "rest"))
        wanted = rest.body(request.data, Person)
        server_bans.disconnect(actor=actor, user_id=server_bans.find(wanted.username), reason=wanted.reason)
        return Response(status=204)
