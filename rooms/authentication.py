"""How REST knows its caller: by a token, as the socket does, or by the browser's session."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from rooms import guesses
from rooms.callers import Caller, read_token
from rooms.errors import Forbidden


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`; any other header is left to others. `request.auth` has the caller.

    Bots are refused, except by views that have `takes_bots` because they hold a bot to the rooms of its token. It is
    for rooms of the chat, and for nothing else that a project or its accounts serve.
    """

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        token = bearer(request)
        if token is None:
            return None
        with guesses.token(address=request.META.get("REMOTE_ADDR", ""), door="rest"):
            caller = read_token(token)
        if caller.is_bot and not getattr(request.parser_context.get("view"), "takes_bots", False):
            raise Forbidden("A bot's token is for its rooms only")
        return caller.user, caller

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - its name is DRF's
        return "Bearer"


def bearer(request: Request) -> str | None:
    """The token of an `Authorization: Bearer` header, or None when there is no such header."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
