"""Reacting to messages over HTTP."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.openapi import parameters, responses
from rooms.protocol.commands.base import MessageId
from rooms.protocol.commands.reactions import REACTIONS_DEFAULT, Emoji
from rooms.protocol.frames.reactions import ReactionOf
from rooms.services import reactions


class NewReaction(msgspec.Struct):
    """One emoji of Unicode's list; with `on: false` it is taken away."""

    emoji: Emoji
    on: bool = True


class ChangedMessage(msgspec.Struct, rename="camel"):
    """`changedSeq` is the room's seq of the last change of the message."""

    message_id: str
    seq: int
    changed_seq: int


class ReactionsQuery(msgspec.Struct):
    after: MessageId | None = None
    limit: rest.Limit = REACTIONS_DEFAULT


class ReactionPage(msgspec.Struct, omit_defaults=True):
    """The first ones first; `next`, when there are more, is the `after` that asks for them."""

    reactions: list[ReactionOf]
    next: str | None = None


class ReactionsView(View):
    buckets = {"GET": "reads", "POST": "changes"}

    @extend_schema(
        parameters=parameters(ReactionsQuery),
        responses=responses({200: ReactionPage}, 400, 401, 403, 404),
        tags=["rooms"],
    )
    def get(self, request: Request, name: str, message_id: str) -> Response:
        """A page of the reactions to a message."""
        query, actor = rest.query(request.query_params, ReactionsQuery), callers.actor(request.user, "rest")
        found = reactions.page(actor=actor, name=name, message_id=message_id, limit=query.limit, after=query.after)
        return rest.answer(ReactionPage(*found))

    @extend_schema(
        request=NewReaction, responses=responses({200: ChangedMessage}, 400, 401, 403, 404, 409), tags=["rooms"]
    )
    def post(self, request: Request, name: str, message_id: str) -> Response:
        """Sets an emoji at a message, or takes it away; what is so already stays so."""
        new, actor = rest.body(request.data, NewReaction), callers.actor(request.user, "rest")
        change = reactions.react(actor=actor, name=name, message_id=message_id, emoji=new.emoji, on=new.on)
        return rest.answer(ChangedMessage(str(change.id), change.seq, change.changed_seq))
