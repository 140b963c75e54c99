"""One id for each HTTP request: the proxy's, or a new one; in the answer, and in every log line of the request.

An ASGI application around another one, because not every request reaches Django's middleware.
"""

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context, copy_context
from typing import Any

import structlog

log = structlog.get_logger(__name__)
Scope = Mapping[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]
HEADER = b"x-request-id"
# Long enough for any usual id, and nothing that means something in a log or a header.
_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def with_request_ids(application: Application) -> Application:
    """The application, whose HTTP requests and handshakes of sockets each have an id."""

    async def serve(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await application(scope, receive, send)
            return
        request = request_id(scope)
        added = header(request)
        scope["headers"].insert(0, added)  # in place: a socket keeps its scope for as long as it is open
        if scope["type"] == "websocket":
            await application(scope, receive, send)
            return

        started = False

        async def send_with_id(message: Mapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message.get("headers", ()), added]}
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request):
            try:
                await application(scope, receive, send_with_id)
            except Exception:
                log.exception("request.failed", path=scope["path"][:100])
                if started:
                    raise  # the server closes the connection: the answer is not whole
                await _fail(send_with_id, request)

    return serve


async def _fail(send: Any, request: str) -> None:
    """The answer when even the page of an error cannot be made."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": f"Internal Server Error\nRequest {request}\n".encode()})


def request_id(scope: Scope) -> str:
    """What the header X-Request-ID says, if it is up to 64 letters, digits, dots, dashes and underscores; else new."""
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    return given.decode() if _SANE.fullmatch(given) else uuid.uuid4().hex


def header(request: str) -> tuple[bytes, bytes]:
    """The header of an answer."""
    return HEADER, request.encode()


def unbound() -> Context:
    """A copy of the context in which log lines name no request and no connection: for work that many share."""
    context = copy_context()
    context.run(structlog.contextvars.clear_contextvars)
    return context


def current() -> str:
    """The id of the request that is being answered; empty outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request", ""))
