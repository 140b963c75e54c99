"""Members of a room: who they are, inviting somebody, and one's own membership."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.live import roster
from rooms.openapi import parameters, responses
from rooms.protocol.commands.members import MEMBERS_DEFAULT, Level, UserKey, Username
from rooms.protocol.frames.members import Member
from rooms.services import members


class MembersQuery(msgspec.Struct):
    """`after` is the `next` of the page before."""

    after: UserKey | None = None
    limit: rest.Limit = MEMBERS_DEFAULT


class MemberList(msgspec.Struct):
    """Members by their ids. `next`, when there is one, is the `after` of the next page."""

    members: list[Member]
    next: str | None


class Invitee(msgspec.Struct):
    username: Username


class Following(msgspec.Struct):
    """`level` is what of the room one is notified of."""

    level: Level | None = None


class MembersView(View):
    buckets = {"GET": "reads", "POST": "changes"}

    @extend_schema(
        parameters=parameters(MembersQuery), responses=responses({200: MemberList}, 400, 401, 403, 404), tags=["rooms"]
    )
    def get(self, request: Request, name: str) -> Response:
        """A page of a room's members."""
        query, actor = rest.query(request.query_params, MembersQuery), callers.actor(request.user, "rest")
        page = members.members(actor=actor, name=name, after=query.after, limit=query.limit)
        online = {person.user_id for person in roster.online()}
        return rest.answer(MemberList(members.member_frames(page.rows, online), page.next))

    @extend_schema(request=Invitee, responses=responses({204: None}, 400, 401, 403, 404, 409, 413), tags=["rooms"])
    def post(self, request: Request, name: str) -> Response:
        """Makes somebody a member, as a member of the room. The same when they are one already."""
        wanted = rest.body(request.data, Invitee)
        members.invite(actor=callers.actor(request.user, "rest"), name=name, username=wanted.username)
        return Response(status=204)


class MembershipView(View):
    buckets = {"PUT": "changes", "DELETE": "changes"}

    @extend_schema(request=Following, responses=responses({204: None}, 400, 401, 403, 404, 413), tags=["rooms"])
    def put(self, request: Request, name: str) -> Response:
        """Makes the caller a member of a room."""
        wanted = rest.body(request.data, Following)
        members.follow(actor=callers.actor(request.user, "rest"), name=name, level=wanted.level)
        return Response(status=204)

    @extend_schema(responses=responses({204: None}, 400, 401, 403, 404, 409), tags=["rooms"])
    def delete(self, request: Request, name: str) -> Response:
        """Ends the caller's membership."""
        members.unfollow(actor=callers.actor(request.user, "rest"), name=name)
        return Response(status=204)
