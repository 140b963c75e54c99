"""Reporting messages and people to the moderators."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.openapi import responses
from rooms.protocol.commands.base import Reason
from rooms.protocol.rules import room_name
from rooms.services import reports


class MessageReport(msgspec.Struct):
    reason: Reason


class UserReport(msgspec.Struct, rename="camel"):
    """`roomId` is where it happened, if it was in a room."""

    reason: Reason
    room_id: str | None = None


class MessageReportView(View):
    buckets = {"POST": "changes"}

    @extend_schema(
        operation_id="report_message",
        request=MessageReport,
        responses=responses({204: None}, 400, 401, 403, 404, 409),
        tags=["reports"],
    )
    def post(self, request: Request, name: str, message_id: str) -> Response:
        """Reports somebody's message. As long as the report is not settled, the same one again changes nothing."""
        report, actor = rest.body(request.data, MessageReport), callers.actor(request.user, "rest")
        reports.report_message(actor=actor, name=name, message_id=message_id, reason=report.reason)
        return Response(status=204)


class UserReportView(View):
    buckets = {"POST": "changes"}

    @extend_schema(
        operation_id="report_user",
        request=UserReport,
        responses=responses({204: None}, 400, 401, 403, 404, 409),
        tags=["reports"],
    )
    def post(self, request: Request, username: str) -> Response:
        """Reports a person. As long as the report is not settled, the same one again changes nothing."""
        report, actor = rest.body(request.data, UserReport), callers.actor(request.user, "rest")
        room = room_name(report.room_id) if report.room_id is not None else None
        reports.report_user(actor=actor, username=username, reason=report.reason, name=room)
        return Response(status=204)
