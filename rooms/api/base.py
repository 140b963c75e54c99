"""What every endpoint has in common. Nothing is taken from the project's REST_FRAMEWORK, which is for its own views."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from rooms import callers
from rooms.authentication import BearerAuthentication
from rooms.refusals import rest_error
from rooms.rest import JSONParser


class IsNotBanned(BasePermission):
    """Whoever is banned from the chat is refused as such, with a session too; a token was refused before."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - its shape is DRF's
        if request.auth is None and request.user.is_authenticated:
            callers.check_ban(request.user.pk)
        return True


class View(APIView):
    authentication_classes: tuple[type[BaseAuthentication], ...] = (BearerAuthentication, SessionAuthentication)
    permission_classes: tuple[type[BasePermission], ...] = (IsAuthenticated, IsNotBanned)
    renderer_classes = (JSONRenderer,)
    parser_classes = (JSONParser,)
    throttle_classes = ()
    versioning_class = None
    metadata_class = None
    content_negotiation_class = DefaultContentNegotiation
    schema = AutoSchema()

    def get_exception_handler(self) -> Callable[..., Any]:
        return rest_error
