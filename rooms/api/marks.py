"""How far one has read, what one has not, and who has read a message."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.live import roster
from rooms.openapi import parameters, responses
from rooms.protocol.commands.base import Seq
from rooms.protocol.commands.marks import READERS_DEFAULT, Version
from rooms.protocol.commands.members import UserKey
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.marks import Unread
from rooms.services import marks
from rooms.services.marks import Marked


class ReadUpTo(msgspec.Struct):
    """All up to `seq` was read. With a `version` older than that of the mark it does not move: something was marked as
    unread since.
    """

    seq: Seq
    version: Version | None = None


class UnreadAbove(msgspec.Struct):
    """What is above `seq` is not read."""

    seq: Seq


class MarkAnswer(msgspec.Struct, rename="camel"):
    """The caller's mark as it is now."""

    room_id: str
    seq: int
    version: int


class UnreadList(msgspec.Struct):
    """Rooms by name. `hidden`: nobody else learns what the caller has read."""

    rooms: list[Unread]
    hidden: bool


class ReadersQuery(msgspec.Struct):
    """`after` is the `next` of the page before."""

    after: UserKey | None = None
    limit: rest.Limit = READERS_DEFAULT


class ReaderList(msgspec.Struct):
    """`count` of the `of` members who could have, have read the message; some of them, by their ids."""

    count: int
    of: int
    users: list[UserRef]
    next: str | None


class UnreadView(View):
    buckets = {"GET": "reads"}

    @extend_schema(responses=responses({200: UnreadList}, 401), tags=["reading"])
    def get(self, request: Request) -> Response:
        """What the caller has not read, of each room they are a member of; counts stop at 100."""
        user_id = request.user.pk
        return rest.answer(UnreadList(marks.unread(user_id=user_id), marks.is_hidden(user_id=user_id)))


class MarkReadView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=ReadUpTo, responses=responses({200: MarkAnswer}, 400, 401, 403, 404), tags=["reading"])
    def post(self, request: Request, name: str) -> Response:
        """Moves the caller's mark in a room forward."""
        wanted = rest.body(request.data, ReadUpTo)
        actor = callers.actor(request.user, "rest")
        marked = marks.mark_one_read(
            actor=actor, name=name, seq=wanted.seq, version=wanted.version, counts=roster.member_counts
        )
        return _answer(marked)


class MarkUnreadView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=UnreadAbove, responses=responses({200: MarkAnswer}, 400, 401, 403, 404), tags=["reading"])
    def post(self, request: Request, name: str) -> Response:
        """Moves the caller's mark in a room back."""
        wanted = rest.body(request.data, UnreadAbove)
        return _answer(marks.mark_unread(actor=callers.actor(request.user, "rest"), name=name, seq=wanted.seq))


class ReadersView(View):
    buckets = {"GET": "reads"}

    @extend_schema(
        parameters=parameters(ReadersQuery),
        responses=responses({200: ReaderList}, 400, 401, 403, 404),
        tags=["reading"],
    )
    def get(self, request: Request, name: str, message_id: str) -> Response:
        """Who has read a message."""
        query, actor = rest.query(request.query_params, ReadersQuery), callers.actor(request.user, "rest")
        page = marks.readers(actor=actor, name=name, message_id=message_id, after=query.after, limit=query.limit)
        return rest.answer(ReaderList(**msgspec.structs.asdict(page)))


class HiddenReadsView(View):
    buckets = {"PUT": "changes", "DELETE": "changes"}

    @extend_schema(request=None, responses=responses({204: None}, 401), tags=["reading"])
    def put(self, request: Request) -> Response:
        """From now on nobody else learns what the caller has read."""
        marks.hide_reads(user_id=request.user.pk, on=True)
        return Response(status=204)

    @extend_schema(responses=responses({204: None}, 401), tags=["reading"])
    def delete(self, request: Request) -> Response:
        """Others learn it again."""
        marks.hide_reads(user_id=request.user.pk, on=False)
        return Response(status=204)


def _answer(marked: Marked) -> Response:
    return rest.answer(MarkAnswer(*marked))
