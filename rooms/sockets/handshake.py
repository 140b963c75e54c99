"""What a WebSocket handshake shows: the browser's session cookie and the page it comes from; and how it is refused.

Reads headers only. Whose session it is, if anybody's, is for rooms.callers to say.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog
from django.conf import settings
from django.http import parse_cookie

from monitoring import request_ids
from rooms import hosts
from rooms.conf import conf

log = structlog.get_logger(__name__)
Send = Callable[[dict[str, Any]], Awaitable[None]]
_ORIGIN = re.compile(r"(https?)://([^][/?#@\\:\s]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers by their lower-case names. One that came twice is joined as Django joins it for pages."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in headers:
            value = ("; " if name == "cookie" else ",").join((headers[name], value))
        headers[name] = value
    return headers


def session_key(headers: Mapping[str, str]) -> str:
    """The value of the session cookie, as Django reads it for pages: what other cookies look like does not matter."""
    return parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME, "")


def is_allowed_origin(headers: Mapping[str, str]) -> bool:
    """Whether the page that opened this socket may use its visitor's cookie: this site's, and CHAT_ALLOWED_ORIGINS.

    The whole origin counts, scheme and port too: another page on the same host must not speak in a visitor's name.
    """
    origin = _parsed(headers.get("origin", ""))
    if origin is None:
        return False
    scheme = origin[0]
    own = (
        _parsed(f"{scheme}://{hosts.requested(headers)}")
        if scheme == "https" or not settings.SESSION_COOKIE_SECURE
        else None
    )
    return origin == own or origin in map(_parsed, (*conf.CHAT_ALLOWED_ORIGINS, *settings.CSRF_TRUSTED_ORIGINS))


def _parsed(origin: str) -> tuple[str, str, int] | None:
    """Scheme, host and port, as they are compared; None for what is no origin of a page."""
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return None
    scheme, host, port = match.groups()
    return scheme.lower(), host.lower(), int(port or _PORTS[scheme.lower()])


def refusal(scope: Mapping[str, Any], headers: Mapping[str, str]) -> int | None:
    """The HTTP status that refuses a handshake; None: it is taken.

    A page of another origin is refused with its visitor's cookie, instead of being served as a guest: a session that
    does not sign in looks like one that has ended. Who shows a token in a header is no page.
    """
    if not hosts.is_served(headers, scope["path"]):
        return 400
    is_foreign = "origin" in headers and not is_allowed_origin(headers)
    if is_foreign and session_key(headers) and not bearer(headers):
        log.warning("socket.foreign_origin", origin=headers["origin"][:100], path=scope["path"][:100])
        return 403
    return None


def bearer(headers: Mapping[str, str]) -> str:
    """The token of an `Authorization` header, or an empty text."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def refuse(
    scope: Mapping[str, Any], send: Send, *, status: int, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Answers a handshake with this HTTP status; daphne knows only 403."""
    if "websocket.http.response" in scope.get("extensions", {}):
        answered = [*headers, request_ids.header(request_ids.request_id(scope))]
        await send({"type": "websocket.http.response.start", "status": status, "headers": answered})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close"})
