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
        body = _Body(receive)
        await application(scope, body.receive, send)
        if body.is_over:
            raise _too_large()
    except ChatError as error:
        answer, status, headers = refusal(error)
        await send_answer(send, status, answer, headers)


async def _check(scope: MutableMapping[str, Any]) -> None:
    headers = handshake.headers_of(scope)
    length = headers.get("content-length", "")
    if length.isdecimal():
        check_size(max(0, int(length) - AROUND_BYTES))
    if token := handshake.bearer(headers):
        caller = await session.running().rights.identify(token, (scope.get("client") or ("", 0))[0])
    else:
        found = await database.call(callers.by_session, handshake.session_key(headers))
        if found is None:
            raise AuthRequired
        caller = found
    rates.here().spend("uploads", caller.user_id)
    scope[rates.COUNTED] = True


def _too_large() -> TooLarge:
    return TooLarge(f"The file is over {conf.CHAT_MAX_FILE_BYTES} bytes")


class _Body:
    """A body whose length nobody has said; one that is too large ends as if its sender had gone."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._bytes = receive, 0
        self.is_over = False

    async def receive(self) -> Mapping[str, Any]:
        event = await self._receive()
        self._bytes += len(event.get("body", b""))
        self.is_over = self._bytes > conf.CHAT_MAX_FILE_BYTES + AROUND_BYTES
        return {"type": "http.disconnect"} if self.is_over else event
