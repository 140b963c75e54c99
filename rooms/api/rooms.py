"""Listing, creating and showing rooms."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, cast

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import access, rest
from rooms.api.base import View
from rooms.live import roster
from rooms.openapi import parameters, responses
from rooms.protocol.frames.base import UserRef
from rooms.protocol.rules import timestamp
from rooms.services import direct, rooms
from rooms.storage import RoomEntry

Title = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00]*$")]
After = Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[^\x00]*$")]
NewKind = Literal["public", "private"]
Kind = Literal["public", "private", "direct", "object"]
History = Literal["all", "joined"]


class RoomsQuery(msgspec.Struct):
    """`after` is the last name of the page before."""

    after: After = ""
    limit: rest.Limit = 50


class NewRoom(msgspec.Struct):
    name: str
    title: Title = ""
    kind: NewKind = "public"
    history: History = "all"


class RoomDetail(msgspec.Struct, rename="camel"):
    """`id` is the room's name, as in the socket's frames; `memberCount` counts who is there now.

    `link` leads to the page of the object that the room belongs to, if it belongs to one. `role` and `level` are those
    of the caller as a member; new members see `all` of the `history`, or what was written since they `joined`. A direct
    room has `members`, the caller too, and no title.
    """

    id: str
    title: str
    kind: Kind
    member_count: int
    last_seq: int
    created_at: str
    closed: bool
    link: str
    topic: str
    history: History
    slow_mode_s: int
    locked: bool
    role: str | None
    level: str | None
    members: list[UserRef] | None


class RoomPage(msgspec.Struct):
    """Rooms by name. `next`, when there is one, is the `after` of the next page."""

    rooms: list[RoomDetail]
    next: str | None


class RoomsView(View):
    buckets = {"POST": "new-rooms"}

    @extend_schema(
        operation_id="rooms_list",
        parameters=parameters(RoomsQuery),
        responses=responses({200: RoomPage}, 400, 401),
        tags=["rooms"],
    )
    def get(self, request: Request) -> Response:
        """The rooms the caller may know of."""
        query = rest.query(request.query_params, RoomsQuery)
        found = listed(request.user.pk, query)
        counts = roster.member_counts(room.room_id for room in found.entries)
        return rest.answer(room_page(found, query, counts))

    @extend_schema(
        request=NewRoom,
        responses=responses({200: RoomDetail, 201: RoomDetail}, 400, 401, 403, 404, 409),
        tags=["rooms"],
    )
    def post(self, request: Request) -> Response:
        """Makes a room. 200 and the room as it is when there is one of this name that the caller may know of.

        `history` other than `all` is for private rooms. 409 when the name looks like
        that of another room, or differs from it only in case.
        """
        wanted, user_id = rest.body(request.data, NewRoom), request.user.pk
        room, created = rooms.create_room(
            user_id=user_id, name=wanted.name, title=wanted.title, kind=wanted.kind, history=wanted.history
        )
        return rest.answer(detail(access.entry(user_id, room.name)), 201 if created else 200)


class RoomView(View):
    @extend_schema(responses=responses({200: RoomDetail}, 400, 401, 403, 404), tags=["rooms"])
    def get(self, request: Request, name: str) -> Response:
        """One room."""
        return rest.answer(detail(access.entry(request.user.pk, name)))


class Listed(NamedTuple):
    """The rooms of a page, and one more if there is a next page; of the direct ones their people."""

    entries: list[RoomEntry]
    people: dict[int, list[UserRef]]


def listed(user_id: Any, query: RoomsQuery) -> Listed:
    found = access.visible_rooms(user_id, after=query.after, limit=min(query.limit, rest.PAGE_MAX) + 1)
    return Listed(found, direct.people_of(found))


def room_page(found: Listed, query: RoomsQuery, counts: Mapping[int, int]) -> RoomPage:
    page = found.entries[: min(query.limit, rest.PAGE_MAX)]
    details = [_shown(entry, counts.get(entry.room_id, 0), found.people.get(entry.room_id)) for entry in page]
    return RoomPage(details, page[-1].name if len(found.entries) > len(page) else None)


def detail(entry: RoomEntry) -> RoomDetail:
    count = roster.member_counts([entry.room_id])[entry.room_id]
    return _shown(entry, count, direct.people_of([entry]).get(entry.room_id))


def _shown(entry: RoomEntry, member_count: int, people: list[UserRef] | None) -> RoomDetail:
    return RoomDetail(
        id=entry.name,
        title=entry.title,
        kind=cast(Kind, entry.kind),
        member_count=member_count,
        last_seq=entry.last_seq,
        created_at=timestamp(entry.created_at),
        closed=entry.closed,
        link=entry.link,
        topic=entry.topic,
        history=cast(History, entry.history),
        slow_mode_s=entry.slow_mode_s,
        locked=entry.locked,
        role=entry.role,
        level=entry.level if entry.role is not None else None,
        members=people,
    )
