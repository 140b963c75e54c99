"""What a project may have put into its REST_FRAMEWORK; no answer of the chat shows any of it."""

from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.response import Response


class NoNegotiation(BaseContentNegotiation):
    def select_parser(self, request: Any, parsers: Any) -> None:
        return None

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        raise NotAcceptable


def on_error(exc: Exception, context: Any) -> Response:
    return Response({"theirs": str(exc)}, status=418)
