"""Posting and reading messages, for callers with a session; those with a token are served by `token_requests`.

The views describe both in the schema.
"""

import msgspec
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import access, callers, rest
from rooms.api import rates
from rooms.api.base import View
from rooms.errors import NoSuchMessage
from rooms.openapi import parameters, responses
from rooms.protocol.commands.base import AttachmentIds, Id, MessageId, Names, Seq
from rooms.protocol.commands.history import HISTORY_DEFAULT
from rooms.protocol.frames.posting import ChatMessage, RoomMessage
from rooms.protocol.frames.slash_commands import CommandResult
from rooms.protocol.rules import text_content
from rooms.services import slash_commands
from rooms.services.changes import message_frame
from rooms.services.history import page
from rooms.services.messages import key
from rooms.services.posting import post_message
from rooms.storage import Repeated, StoredMessage

ANY_MESSAGE = {"anyOf": [{"$ref": "#/components/schemas/ChatMessage"}, {"$ref": "#/components/schemas/RoomMessage"}]}
RESULT = msgspec.json.schema_components([CommandResult])[1]["CommandResult"]
REPEATED = OpenApiResponse(
    {"anyOf": [*ANY_MESSAGE["anyOf"], RESULT]},
    "The message of this `clientId`, which was stored before; or what a slash command answers.",
)


class MessagesQuery(msgspec.Struct):
    """Without `before` and `after` the newest page."""

    before: Seq | None = None
    after: Seq | None = None
    limit: rest.Limit = HISTORY_DEFAULT


class MessagePage(msgspec.Struct):
    """Messages, oldest first."""

    messages: list[ChatMessage | RoomMessage]


class PostMessage(msgspec.Struct, rename="camel"):
    """`clientId` is the sender's own name for this message: sent again with the same one, nothing is stored.

    `replyTo` is the `messageId` of a message that this one answers. `mentions` are usernames of members whom it
    mentions besides those in the text. `attachments` are the ids of files that the sender has uploaded; with one of
    them `content` may be empty.
    """

    content: str
    client_id: Id | None = None
    reply_to: MessageId | None = None
    mentions: Names = []
    attachments: AttachmentIds = []


class MessagesView(View):
    buckets = {"GET": "reads", "POST": "messages"}

    @extend_schema(
        parameters=parameters(MessagesQuery),
        responses=responses({200: MessagePage}, 400, 401, 403, 404),
        tags=["rooms"],
    )
    def get(self, request: Request, name: str) -> Response:
        """A page of a room's messages: the newest, or those before or after a seq."""
        query = rest.query(request.query_params, MessagesQuery)
        messages = page(user_id=request.user.pk, name=name, limit=query.limit, before=query.before, after=query.after)
        return rest.answer(MessagePage(messages))

    @extend_schema(
        request=PostMessage,
        responses=responses({201: ANY_MESSAGE, 200: REPEATED}, 400, 401, 403, 404, 409, 413),
        tags=["rooms"],
    )
    def post(self, request: Request, name: str) -> Response:
        """Posts a message to a room; it is stored when the answer is sent."""
        new, user_id = rest.body(request.data, PostMessage), request.user.pk
        room = access.room(user_id, name)
        is_bot, has_files = getattr(request.auth, "is_bot", False), bool(new.attachments)
        line = slash_commands.read(text_content(new.content, has_files=has_files), is_bot=is_bot, has_files=has_files)
        rates.here().spend_message(user_id, room.room_id, None if line.is_command else new.client_id)
        if line.is_command:
            return rest.answer(command_result(callers.actor(request.user, "rest"), name, line))
        message = post_message(
            room_id=room.room_id,
            author_id=user_id,
            content=line.text,
            kind=line.kind or slash_commands.CHAT,
            client_id=new.client_id,
            reply_to=reply_key(new.reply_to),
            names=new.mentions,
            attachments=new.attachments,
            roles=callers.roles(request.user),
            bot=is_bot,
            bot_mentions=getattr(request.auth, "may_mention", False),
        )
        return rest.answer(message_frame(message), status_of(message))


def command_result(actor: callers.Actor, name: str, line: slash_commands.Line) -> CommandResult:
    """Does what a slash command says."""
    text = slash_commands.run(actor=actor, name=name, line=line)
    return CommandResult(room_id=name, command=line.name, text=text)


def reply_key(message_id: str | None) -> int | None:
    """The key of the message that a new one answers, if any; NoSuchMessage."""
    if message_id is not None and key(message_id) is None:
        raise NoSuchMessage
    return key(message_id) if message_id is not None else None


def status_of(message: StoredMessage) -> int:
    """The HTTP status of a message that was posted: 200 when its `clientId` was used before."""
    return 200 if isinstance(message, Repeated) else 201
