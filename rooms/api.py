"""Rooms and messages over HTTP: the same services, the same rules and the same message shape as over the socket."""

from collections.abc import Iterable
from typing import Annotated, Literal, cast

import msgspec
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import caller
from chatsite import rest
from chatsite.openapi import parameters, responses
from rooms import access, node, protocol, services
from rooms.models import Message, Room
from rooms.protocol.commands import Id, Seq

Title = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00]*$")]
After = Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[^\x00]*$")]
Kind = Literal["public", "private", "direct"]
ANY_MESSAGE = {"anyOf": [{"$ref": "#/components/schemas/ChatMessage"}, {"$ref": "#/components/schemas/RoomMessage"}]}
REPEATED = OpenApiResponse(ANY_MESSAGE, "The message of this `clientId`, which was stored before.")


class RoomsQuery(msgspec.Struct):
    """`after` is the last name of the page before."""

    after: After = ""
    limit: rest.Limit = 50


class NewRoom(msgspec.Struct):
    name: str
    title: Title = ""
    kind: Kind = "public"


class RoomDetail(msgspec.Struct, rename="camel"):
    """`id` is the room's name, as in the socket's frames; `memberCount` counts who is there now."""

    id: str
    title: str
    kind: Kind
    member_count: int
    last_seq: int
    created_at: str
    closed: bool


class RoomPage(msgspec.Struct):
    """Rooms by name. `next`, when there is one, is the `after` of the next page."""

    rooms: list[RoomDetail]
    next: str | None


class MessagesQuery(msgspec.Struct):
    """Without `before` and `after` the newest page."""

    before: Seq | None = None
    after: Seq | None = None
    limit: rest.Limit = protocol.HISTORY_DEFAULT


class MessagePage(msgspec.Struct):
    """Messages, oldest first."""

    messages: list[protocol.ChatMessage | protocol.RoomMessage]


class PostMessage(msgspec.Struct, rename="camel"):
    """`clientId` is the sender's own name for this message: sent again with the same one, nothing is stored."""

    content: str
    client_id: Id | None = None


class OnlinePeople(msgspec.Struct):
    """People, not sockets; the longest there first."""

    users: list[protocol.OnlineUser]


class RoomsView(APIView):
    @extend_schema(
        operation_id="rooms_list",
        parameters=parameters(RoomsQuery),
        responses=responses({200: RoomPage}, 400, 401),
        tags=["rooms"],
    )
    def get(self, request: Request) -> Response:
        """The rooms the caller may know of."""
        query = rest.query(request.query_params, RoomsQuery)
        limit = min(query.limit, rest.PAGE_MAX)
        found = access.visible_rooms(caller(request).pk).filter(name__gt=query.after).order_by("name")
        rooms = list(found[: limit + 1])  # one more than is shown tells whether there is a next page
        page = rooms[:limit]
        return _answer(RoomPage(_details(page), page[-1].name if len(rooms) > limit else None))

    @extend_schema(
        request=NewRoom, responses=responses({200: RoomDetail, 201: RoomDetail}, 400, 401, 403, 404), tags=["rooms"]
    )
    def post(self, request: Request) -> Response:
        """Makes a room. 200 and the room as it is when there is one of this name that the caller may know of."""
        wanted = rest.body(request.data, NewRoom)
        room, created = services.create_room(
            user_id=caller(request).pk, name=wanted.name, title=wanted.title, kind=wanted.kind
        )
        if not created:
            room = access.room(caller(request).pk, room.name)
        return _answer(_details([room])[0], 201 if created else 200)


class RoomView(APIView):
    @extend_schema(responses=responses({200: RoomDetail}, 400, 401, 403, 404), tags=["rooms"])
    def get(self, request: Request, name: str) -> Response:
        """One room."""
        return _answer(_details([access.room(caller(request).pk, name)])[0])


class MessagesView(APIView):
    @extend_schema(
        parameters=parameters(MessagesQuery),
        responses=responses({200: MessagePage}, 400, 401, 403, 404),
        tags=["rooms"],
    )
    def get(self, request: Request, name: str) -> Response:
        """A page of a room's messages: the newest, or those before or after a seq."""
        query = rest.query(request.query_params, MessagesQuery)
        room = access.room(caller(request).pk, name)
        messages = Message.objects.page(
            room.pk, limit=min(query.limit, rest.PAGE_MAX), before=query.before, after=query.after
        )
        return _answer(MessagePage([services.message_frame(message, room.name) for message in messages]))

    @extend_schema(
        request=PostMessage,
        responses=responses({201: ANY_MESSAGE, 200: REPEATED}, 400, 401, 403, 404, 413),
        tags=["rooms"],
    )
    def post(self, request: Request, name: str) -> Response:
        """Says something in a room; it is stored when the answer comes."""
        new = rest.body(request.data, PostMessage)
        room = access.room(caller(request).pk, name)
        message = services.post_message(
            room_id=room.pk, author_id=caller(request).pk, content=new.content, client_id=new.client_id
        )
        return _answer(services.message_frame(message, message.room.name), 200 if message.repeated else 201)


class OnlineView(APIView):
    @extend_schema(responses=responses({200: OnlinePeople}, 401), tags=["rooms"])
    def get(self, request: Request) -> Response:  # noqa: ARG002 - its shape is DRF's
        """Who is online."""
        return _answer(
            OnlinePeople(
                [
                    protocol.OnlineUser(
                        str(person.user_id), person.username, protocol.timestamp(person.authenticated_at)
                    )
                    for person in node.online()
                ]
            )
        )


def _details(rooms: Iterable[Room]) -> list[RoomDetail]:
    counts = node.member_counts(room.pk for room in rooms)
    return [
        RoomDetail(
            id=room.name,
            title=room.title,
            kind=cast(Kind, room.kind),
            member_count=counts.get(room.pk, 0),
            last_seq=room.last_seq,
            created_at=protocol.timestamp(room.created_at),
            closed=room.closed_at is not None,
        )
        for room in rooms
    ]


def _answer(struct: msgspec.Struct, status: int = 200) -> Response:
    return Response(msgspec.to_builtins(struct), status=status)
