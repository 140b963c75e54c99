"""Deleting messages over HTTP."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.openapi import responses
from rooms.protocol.commands.base import Reason, Username
from rooms.protocol.commands.deletions import MessageIds
from rooms.services import deletions


class DeletedMessage(msgspec.Struct, rename="camel"):
    """`changedSeq` is the room's seq of the deletion."""

    message_id: str
    seq: int
    changed_seq: int


class Deletion(msgspec.Struct, rename="camel"):
    """Either all messages of a person, or those of a list."""

    username: Username | None = None
    message_ids: MessageIds | None = None
    reason: Reason = ""


class DeletedMessages(msgspec.Struct, rename="camel"):
    """How many were deleted, and the room's seq of that."""

    count: int
    changed_seq: int


class DeletionView(View):
    buckets = {"DELETE": "changes"}

    @extend_schema(responses=responses({200: DeletedMessage}, 400, 401, 403, 404), tags=["rooms"])
    def delete(self, request: Request, name: str, message_id: str) -> Response:
        """Deletes a message: one's own, or as a moderator anybody's."""
        actor = callers.actor(request.user, "rest")
        deleted = deletions.delete_message(actor=actor, name=name, message_id=message_id)
        return rest.answer(DeletedMessage(str(deleted.id), deleted.seq, deleted.changed_seq))


class DeletionsView(View):
    buckets = {"POST": "changes"}

    @extend_schema(
        request=Deletion, responses=responses({200: DeletedMessages}, 400, 401, 403, 404), tags=["moderation"]
    )
    def post(self, request: Request, name: str) -> Response:
        """Deletes many messages of a room by one change."""
        wanted = rest.body(request.data, Deletion)
        actor = callers.actor(request.user, "rest")
        deleted = deletions.delete_messages(actor=actor, name=name, **msgspec.structs.asdict(wanted))
        return rest.answer(DeletedMessages(deleted.count, deleted.changed_seq))
