"""Editing messages over HTTP, and what they said before. The view of a message is that of its deletion, too."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import callers, rest
from rooms.api.base import View
from rooms.api.deletions import DeletionView
from rooms.openapi import responses
from rooms.protocol.commands.base import Names, Seq
from rooms.protocol.frames.changes import MessageEdited
from rooms.protocol.frames.edits import Version
from rooms.services import changes, edits


class Edit(msgspec.Struct, rename="camel"):
    """`ifChangedSeq` is the `changedSeq` of the message that the editor saw, `mentions` as with a new message."""

    content: str
    if_changed_seq: Seq | None = None
    mentions: Names = []


class EarlierVersions(msgspec.Struct):
    """Oldest first, the newest 100 at most."""

    versions: list[Version]


class MessageView(DeletionView):
    buckets = {**DeletionView.buckets, "PATCH": "changes"}

    @extend_schema(
        request=Edit, responses=responses({200: MessageEdited}, 400, 401, 403, 404, 409, 413), tags=["rooms"]
    )
    def patch(self, request: Request, name: str, message_id: str) -> Response:
        """Replaces the text of one's own message; the answer is the message as it is now."""
        edit, actor = rest.body(request.data, Edit), callers.actor(request.user, "rest")
        edited = edits.edit_message(
            actor=actor,
            name=name,
            message_id=message_id,
            content=edit.content,
            if_changed_seq=edit.if_changed_seq,
            names=edit.mentions,
        )
        return rest.answer(changes.whole_frame(edited))


class VersionsView(View):
    buckets = {"GET": "reads"}

    @extend_schema(responses=responses({200: EarlierVersions}, 400, 401, 403, 404), tags=["moderation"])
    def get(self, request: Request, name: str, message_id: str) -> Response:
        """For moderators: what an edited message said before."""
        actor = callers.actor(request.user, "rest")
        return rest.answer(EarlierVersions(edits.versions(actor=actor, name=name, message_id=message_id)))
