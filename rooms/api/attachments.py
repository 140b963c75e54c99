"""Uploading files, and reading those of messages."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from rooms import downloads, rest
from rooms.api import rates
from rooms.api.base import View
from rooms.errors import BadFrame, NoSuchAttachment
from rooms.openapi import responses
from rooms.protocol.frames.attachments import Attachment
from rooms.services import attachments, uploads
from rooms.storage import attachment_frame

FORM = {
    "multipart/form-data": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}},
        "required": ["file"],
    }
}
BINARY = OpenApiResponse({"type": "string", "format": "binary"}, "The bytes of the file.")
TYPE = "application/octet-stream"
ANY_TYPE = {(200, TYPE): BINARY, (206, TYPE): BINARY}


class AnyType(BaseContentNegotiation):
    """A file is of the type that it is of; refusals are JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002 - its shape is DRF's
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:  # noqa: ARG002 - the same
        return renderers[0], renderers[0].media_type


class AttachmentsView(View):
    buckets = {"POST": "uploads"}
    parser_classes = (MultiPartParser,)

    def check_throttles(self, request: Request) -> None:
        """Where the chat has its requests first, it has counted this one before it read the body."""
        if not getattr(_plain(request), "scope", {}).get(rates.COUNTED):
            super().check_throttles(request)

    @extend_schema(
        operation_id="attachments_upload",
        request=FORM,
        responses=responses({201: Attachment}, 400, 401, 403, 413),
        tags=["files"],
    )
    def post(self, request: Request) -> Response:
        """Uploads a file. A message of the same person may then have it, once, by its `id`; else it is deleted later.

        Images are re-encoded: without EXIF, and upright.
        """
        file = request.FILES.get("file")
        if file is None:
            raise BadFrame("A form with a `file`")
        row = uploads.upload(user_id=request.user.pk, file=file, name=file.name or "", size=file.size or 0)
        return rest.answer(attachment_frame(row), 201)


class AttachmentView(View):
    buckets = {"GET": "files"}
    content_negotiation_class = AnyType

    @extend_schema(operation_id="attachments_read", responses=responses(ANY_TYPE, 400, 401, 404, 416), tags=["files"])
    def get(self, request: Request, attachment_id: str, name: str) -> HttpResponseBase:  # noqa: ARG002 - for whoever saves it
        """A file of a message that the caller may read, or one that they have uploaded and not sent yet.

        What browsers can show safely has its own type; all else is `application/octet-stream`, to be saved.
        """
        row = attachments.readable(user_id=request.user.pk, attachment_id=attachment_id)
        return downloads.answer(_plain(request), row)


class ThumbnailView(View):
    buckets = {"GET": "files"}
    content_negotiation_class = AnyType

    @extend_schema(
        operation_id="attachments_thumbnail",
        responses=responses({(200, "image/webp"): BINARY}, 400, 401, 404),
        tags=["files"],
    )
    def get(self, request: Request, attachment_id: str) -> HttpResponseBase:
        """The image in small, where there is a smaller one."""
        row = attachments.readable(user_id=request.user.pk, attachment_id=attachment_id)
        if not row.thumbnail_path:
            raise NoSuchAttachment
        return downloads.answer(_plain(request), row, thumbnail=True)


def _plain(request: Request) -> HttpRequest:
    """Django's own request, which DRF wraps."""
    return request._request  # noqa: SLF001 - DRF documents it
