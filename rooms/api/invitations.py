"""Invitation links of a room: made, listed, revoked, accepted."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.api.rooms import RoomDetail, detail
from rooms.openapi import responses
from rooms.protocol.commands.invitations import HOURS_DEFAULT, USES_DEFAULT, Code, Hours, Uses
from rooms.protocol.rules import timestamp
from rooms.services import invitations


class NewInvitation(msgspec.Struct):
    """Valid for some `hours`, for as many people as `uses` says; 0: any number."""

    hours: Hours = HOURS_DEFAULT
    uses: Uses = USES_DEFAULT


class InvitationMade(msgspec.Struct, rename="camel"):
    """The `code` is shown this once; `url` is the path of the page that accepts it."""

    code: str
    url: str
    expires_at: str
    uses: int


class InvitationDetail(msgspec.Struct, rename="camel"):
    """`used` is how many people it has made members."""

    id: int
    created_at: str
    expires_at: str
    uses: int
    used: int


class InvitationList(msgspec.Struct):
    """Those that are valid now, the newest first. Their codes are shown to nobody."""

    invitations: list[InvitationDetail]


class Acceptance(msgspec.Struct):
    code: Code


class InvitationsView(View):
    buckets = {"POST": "changes"}

    @extend_schema(responses=responses({200: InvitationList}, 400, 401, 403, 404), tags=["rooms"])
    def get(self, request: Request, name: str) -> Response:
        """The invitations to a room, for its moderators."""
        found = invitations.open_invitations(actor=callers.actor(request.user, "rest"), name=name)
        details = [
            InvitationDetail(one.pk, timestamp(one.created_at), timestamp(one.expires_at), one.max_uses, one.uses)
            for one in found
        ]
        return rest.answer(InvitationList(details))

    @extend_schema(
        request=NewInvitation, responses=responses({201: InvitationMade}, 400, 401, 403, 404, 413), tags=["rooms"]
    )
    def post(self, request: Request, name: str) -> Response:
        """Makes an invitation to a room, as a moderator of it."""
        wanted, actor = rest.body(request.data, NewInvitation), callers.actor(request.user, "rest")
        created = invitations.create(actor=actor, name=name, hours=wanted.hours, uses=wanted.uses)
        frame = invitations.frame(name, created)
        return rest.answer(InvitationMade(frame.code, frame.url, frame.expires_at, frame.uses), 201)


class InvitationView(View):
    buckets = {"DELETE": "changes"}

    @extend_schema(responses=responses({204: None}, 400, 401, 403, 404), tags=["rooms"])
    def delete(self, request: Request, name: str, invitation_id: int) -> Response:
        """Revokes an invitation, as a moderator of the room. The same for one that is revoked already."""
        actor = callers.actor(request.user, "rest")
        invitations.revoke(actor=actor, name=name, invitation_id=invitation_id)
        return Response(status=204)


class AcceptView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=Acceptance, responses=responses({200: RoomDetail}, 400, 401, 403, 404, 413), tags=["rooms"])
    def post(self, request: Request) -> Response:
        """Makes the caller a member of the room that the code belongs to, and shows the room."""
        wanted = rest.body(request.data, Acceptance)
        room = invitations.accept(actor=callers.actor(request.user, "rest"), code=wanted.code)
        return rest.answer(detail(room))
