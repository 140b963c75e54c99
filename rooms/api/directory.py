"""Finding people by name over HTTP."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import rest
from rooms.api.base import View
from rooms.openapi import parameters, responses
from rooms.protocol.commands.directory import PEOPLE_DEFAULT, Beginning
from rooms.protocol.frames.directory import Users
from rooms.services.directory import find_users


class UsersQuery(msgspec.Struct):
    """`query` is how the names begin."""

    query: Beginning
    limit: rest.Limit = PEOPLE_DEFAULT


class UsersView(View):
    buckets = {"GET": "reads"}

    @extend_schema(
        operation_id="users_find",
        parameters=parameters(UsersQuery),
        responses=responses({200: Users}, 400, 401),
        tags=["search"],
    )
    def get(self, request: Request) -> Response:
        """People whose names begin with the query, by name; whom one finds is the setting CHAT_FINDABLE."""
        wanted = rest.query(request.query_params, UsersQuery)
        users = find_users(user_id=request.user.pk, query=wanted.query, limit=wanted.limit)
        return rest.answer(Users(query=wanted.query, users=users))
