"""What every endpoint has in common. Nothing is taken from the project's REST_FRAMEWORK, which is for its own views."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.http import HttpRequest
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from rooms import callers, scopes
from rooms.api import rates
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
    buckets: ClassVar[Mapping[str, str]] = {}  # method → bucket of one who is signed in; other methods: "requests"
    takes_bots: ClassVar[bool] = True  # the services ask access, which holds a bot to the rooms of its token
    versioning_class = None
    metadata_class = None
    content_negotiation_class = DefaultContentNegotiation
    schema = AutoSchema()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """A token's restriction to rooms ends with its request: the thread answers others afterwards."""
        with scopes.within(None):
            return super().dispatch(request, *args, **kwargs)

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        scopes.enter(getattr(request.auth, "scope", None))

    def check_throttles(self, request: Request) -> None:
        bucket = self.buckets.get(request.method or "", "requests")
        is_signed_in = getattr(request.user, "is_authenticated", False)  # a project may have no user for nobody
        if is_signed_in and bucket != "messages":  # a message is counted by its room, in its view
            rates.here().spend(bucket, request.user.pk)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Answers are somebody's own, and true for the moment."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def get_exception_handler(self) -> Callable[..., Any]:
        return rest_error
