"""The body of an upload, before Django sees it: whose it is, that they may upload at this moment, and that it is no
larger than a file may be.

Django writes a whole body to the disk before it asks who sends it. What is refused here is not read.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from rooms import callers, database
from rooms.addresses import ends_as
from rooms.api import rates
from rooms.api.answers import Receive, Scope, Send, send_answer
from rooms.conf import conf
from rooms.errors import AuthRequired, ChatError, TooLarge
from rooms.refusals import refusal
from rooms.services.uploads import check_size
from rooms.sockets import handshake, session

Application = Callable[[Any, Any, Any], Awaitable[None]]
AROUND_BYTES = 65_536  # of a form around the file: its boundaries, and fields


def is_upload(scope: Scope) -> bool:
    """Whether this is a request that brings a file."""
    return scope["type"] == "http" and scope["method"] == "POST" and ends_as("api-attachments", scope["path"])


async def serve(application: Application, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Serves an upload by the application, unless it is refused."""
    try:
        await _check(scope)
        await bounded(application, scope, receive, send, conf.CHAT_MAX_FILE_BYTES + AROUND_BYTES)
    except ChatError as error:
        answer, status, headers = refusal(error)
        await send_answer(send, status, answer, headers)


async def bounded(application: Application, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
    """Serves a request by the application; raises TooLarge, with nothing sent, for a body of more bytes."""
    body = _Body(receive, limit)
    if _length(scope) > limit:
        raise body.error
    await application(scope, body.receive, send)
    if body.is_over:
        raise body.error


def _length(scope: Scope) -> int:
    """As the request says; 0 when it does not."""
    length = handshake.headers_of(scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0


async def _check(scope: MutableMapping[str, Any]) -> None:
    check_size(max(0, _length(scope) - AROUND_BYTES))
    headers = handshake.headers_of(scope)
    if token := handshake.bearer(headers):
        caller = await session.running().rights.identify(token, (scope.get("client") or ("", 0))[0])
    else:
        found = await database.call(callers.by_session, handshake.session_key(headers))
        if found is None:
            raise AuthRequired
        caller = found
    rates.here().spend("uploads", caller.user_id)
    scope[rates.COUNTED] = True


class _Body:
    """A body whose length nobody may have said; one that is too large ends as if its sender had gone."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit, self._bytes = receive, limit, 0
        self.is_over = False
        self.error = TooLarge(f"The body is over {limit} bytes")

    async def receive(self) -> Mapping[str, Any]:
        event = await self._receive()
        self._bytes += len(event.get("body", b""))
        self.is_over = self._bytes > self._limit
        return {"type": "http.disconnect"} if self.is_over else event
