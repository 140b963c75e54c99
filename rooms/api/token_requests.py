"""Posting and reading messages with a Bearer token: an ASGI application that passes by Django's request handling.

Sessions, CSRF, locale and the thread of sync views are for browsers; a program's request needs none of them. Messages
go through the write queue, as those of sockets do. Everything else is served by the views.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from rest_framework.exceptions import UnsupportedMediaType

from chatsite import database, rest
from chatsite.errors import BadFrame, TooLarge
from chatsite.middleware import refusal
from rooms import access
from rooms.api.messages import MessagePage, MessagesQuery, PostMessage, status_of
from rooms.protocol.rules import text_content
from rooms.services.changes import message_frame
from rooms.services.history import page
from rooms.sockets import session
from rooms.storage import NewMessage

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
PATH = re.compile(r"/api/rooms/([^/]+)/messages/?")
HEADERS = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]


class Disconnected(Exception):
    """The client has gone before its request was read."""


def serves(scope: Scope) -> bool:
    """Whether this request is one of those served here."""
    is_messages = scope["method"] in ("GET", "POST") and PATH.fullmatch(scope["path"]) is not None
    return is_messages and _header(scope, b"authorization")[:7].lower() == "bearer "


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        status, answer = await _answer(scope, receive)
        headers: dict[str, str] = {}
    except Disconnected:
        return
    except Exception as error:  # noqa: BLE001 - each becomes an answer
        answer, status, headers = refusal(error)
    body = msgspec.json.encode(answer)
    more = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    more.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*HEADERS, *more]})
    await send({"type": "http.response.body", "body": body})


async def _answer(scope: Scope, receive: Receive) -> tuple[int, msgspec.Struct]:
    _check_host(scope)
    node, name = session.running(), PATH.fullmatch(scope["path"])[1]  # type: ignore[index]  # `serves` has matched
    token = _header(scope, b"authorization")[7:].strip()
    identity = await node.rights.identify(token)
    if scope["method"] == "GET":
        query = rest.query(
            dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)), MessagesQuery
        )
        messages = await database.call(
            page, user_id=identity.user_id, name=name, limit=query.limit, before=query.before, after=query.after
        )
        return 200, MessagePage(messages)
    new = rest.body(rest.decode(await _body(scope, receive)), PostMessage)
    content = text_content(new.content)
    room = await database.call(access.room, identity.user_id, name)
    message = await node.posted(NewMessage(room.room_id, identity.user_id, content, new.client_id))
    return status_of(message), message_frame(message)


def _check_host(scope: Scope) -> None:
    domain, _ = split_domain_port(_header(scope, b"host"))
    if not validate_host(domain, settings.ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]):
        raise BadFrame("This host is not served here")


async def _body(scope: Scope, receive: Receive) -> bytes:
    kind = _header(scope, b"content-type").partition(";")[0].strip().lower()
    if kind != rest.JSONParser.media_type:
        raise UnsupportedMediaType(kind)
    limit = settings.CHAT_MAX_FRAME_BYTES
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Disconnected
        body += bytes(event.get("body", b""))
        if 0 < limit < len(body):
            raise TooLarge(f"The body is over {limit} bytes")
        if not event.get("more_body"):
            return body


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
