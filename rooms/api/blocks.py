"""Whom the caller has blocked."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import rest
from rooms.api.base import View
from rooms.openapi import responses
from rooms.protocol.frames.blocks import Blocks
from rooms.services import blocks


class BlocksView(View):
    buckets = {"GET": "reads"}

    @extend_schema(responses=responses({200: Blocks}, 401), tags=["blocks"])
    def get(self, request: Request) -> Response:
        """Whom the caller has blocked, the first one first."""
        return _answer(request)


class BlockView(View):
    buckets = {"PUT": "changes", "DELETE": "changes"}

    @extend_schema(
        operation_id="blocks_add", request=None, responses=responses({200: Blocks}, 400, 401, 404, 409), tags=["blocks"]
    )
    def put(self, request: Request, username: str) -> Response:
        """Blocks a person, who is not informed of it."""
        blocks.set_block(user_id=request.user.pk, username=username, on=True)
        return _answer(request)

    @extend_schema(
        operation_id="blocks_remove",
        request=None,
        responses=responses({200: Blocks}, 400, 401, 404, 409),
        tags=["blocks"],
    )
    def delete(self, request: Request, username: str) -> Response:
        """Blocks a person no more."""
        blocks.set_block(user_id=request.user.pk, username=username, on=False)
        return _answer(request)


def _answer(request: Request) -> Response:
    return rest.answer(Blocks(users=blocks.blocked_users(user_id=request.user.pk)))
