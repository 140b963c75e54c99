"""Writing messages in pieces over HTTP.

Where the chat runs in this process, pieces are gathered and written with those of its sockets.
"""

import asyncio

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import access, callers, database, rest
from rooms.api import rates
from rooms.api.base import View
from rooms.api.messages import ANY_MESSAGE, REPEATED, reply_key, status_of
from rooms.errors import Unavailable
from rooms.live import node
from rooms.openapi import parameters, responses
from rooms.protocol.commands.base import Id, MessageId, Seq
from rooms.protocol.frames.changes import MessageEdited
from rooms.protocol.frames.streams import StreamText
from rooms.services import streams
from rooms.services.changes import message_frame, whole_frame
from rooms.services.posting import post_new
from rooms.services.stream_parts import Appended, NewPart
from rooms.services.stream_starts import new_stream

TIMEOUT_S = 5.0


class NewStream(msgspec.Struct, rename="camel"):
    """`clientId` is the sender's own name for this message: sent again with the same one, nothing is stored.

    `replyTo` is the `messageId` of a message that this one answers, whose author may stop it.
    """

    client_id: Id | None = None
    reply_to: MessageId | None = None


class Piece(msgspec.Struct):
    """`offset` is where it begins, in Unicode characters; an empty text says only that more will come."""

    offset: Seq
    text: str


class StreamPlace(msgspec.Struct, rename="camel"):
    """`offset` is where the next piece begins."""

    message_id: str
    seq: int
    offset: int


class End(msgspec.Struct):
    """With `interrupted` it is marked so: there should have been more."""

    interrupted: bool = False


class StreamQuery(msgspec.Struct):
    offset: Seq = 0


class StreamsView(View):
    buckets = {"POST": "messages"}

    @extend_schema(
        request=NewStream,
        responses=responses({201: ANY_MESSAGE, 200: REPEATED}, 400, 401, 403, 404, 409),
        tags=["streams"],
    )
    def post(self, request: Request, name: str) -> Response:
        """As a bot: posts a message whose text follows in pieces."""
        new, user_id = rest.body(request.data, NewStream), request.user.pk
        room = access.room(user_id, name)
        rates.here().spend_message(user_id, room.room_id, new.client_id)
        wanted = new_stream(
            room_id=room.room_id,
            author_id=user_id,
            client_id=new.client_id,
            reply_to=reply_key(new.reply_to),
            moderates="moderator" in callers.roles(request.user),
        )
        message = post_new(wanted)
        return rest.answer(message_frame(message), status_of(message))


class StreamView(View):
    buckets = {"GET": "reads"}

    @extend_schema(
        parameters=parameters(StreamQuery),
        responses=responses({200: StreamText}, 400, 401, 403, 404, 409),
        tags=["streams"],
    )
    def get(self, request: Request, name: str, message_id: str) -> Response:
        """The text so far of a message that is being written, from an offset on."""
        query, actor = rest.query(request.query_params, StreamQuery), callers.actor(request.user, "rest")
        return rest.answer(streams.read(actor=actor, name=name, message_id=message_id, offset=query.offset))


class AppendView(View):
    buckets = {"POST": "appends"}

    @extend_schema(
        request=Piece, responses=responses({200: StreamPlace}, 400, 401, 403, 404, 409, 413), tags=["streams"]
    )
    def post(self, request: Request, name: str, message_id: str) -> Response:
        """As its bot: appends to the text of a message; it is stored when the answer is sent."""
        piece, actor = rest.body(request.data, Piece), callers.actor(request.user, "rest")
        part = streams.own_part(
            actor=actor, name=name, message_id=message_id, offset=piece.offset, text=piece.text
        )  # fmt: skip
        appended = _appended(part)
        return rest.answer(StreamPlace(str(appended.message_id), appended.seq, appended.offset))


class EndView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=End, responses=responses({200: MessageEdited}, 400, 401, 403, 404, 409), tags=["streams"])
    def post(self, request: Request, name: str, message_id: str) -> Response:
        """As its bot: ends a message; the answer is the message as it is now."""
        wanted, actor = rest.body(request.data, End), callers.actor(request.user, "rest")
        ended = streams.end(actor=actor, name=name, message_id=message_id, interrupted=wanted.interrupted)
        return rest.answer(whole_frame(ended))


class StopView(View):
    buckets = {"POST": "changes"}

    @extend_schema(request=None, responses=responses({200: MessageEdited}, 400, 401, 403, 404, 409), tags=["streams"])
    def post(self, request: Request, name: str, message_id: str) -> Response:
        """As who asked, or a moderator: ends a message that a bot is writing; the answer is what there is of it."""
        actor = callers.actor(request.user, "rest")
        return rest.answer(whole_frame(streams.stop(actor=actor, name=name, message_id=message_id)))


def _appended(part: NewPart) -> Appended:
    running = node.current()
    if running is None or not running.loop.is_running() or database.is_lent():
        return streams.append_one(part)
    asked = asyncio.run_coroutine_threadsafe(running.streams.appended(part), running.loop)
    try:
        return asked.result(TIMEOUT_S)
    except TimeoutError:
        raise Unavailable from None
