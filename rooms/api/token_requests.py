"""Posting messages, reading them and listing rooms with a Bearer token, by ASGI alone.

Sessions, CSRF, locale and the threads of sync middleware are for browsers; a program needs none of them, and they took
nine tenths of such a request. Messages go through the write queue, as those of sockets do. The views serve everybody
else with the same functions, and describe the answers in the schema.
"""

import re
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import parse_qsl

import msgspec
from rest_framework.exceptions import UnsupportedMediaType

from rooms import access, database, hooks, hosts, rest, scopes
from rooms.api.answers import Receive, Scope, Send, send_answer
from rooms.api.messages import MessagePage, MessagesQuery, PostMessage, command_result, reply_key, status_of
from rooms.api.rooms import RoomsQuery, listed, room_page
from rooms.callers import Identity
from rooms.conf import conf
from rooms.errors import BadFrame, TooLarge
from rooms.protocol.rules import text_content
from rooms.refusals import refusal
from rooms.services import slash_commands
from rooms.services.changes import message_frame
from rooms.services.history import page
from rooms.services.mentions import checked
from rooms.sockets import handshake, session
from rooms.storage import NewMessage


class Disconnected(Exception):
    """The client has gone before its request was read."""


def serves(scope: Scope) -> bool:
    """Whether this request is one of those served here."""
    return _route(scope) is not None and _header(scope, b"authorization")[:7].lower() == "bearer "


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        status, answer = await _answer(scope, receive)
        headers: dict[str, str] = {}
    except Disconnected:
        return
    except Exception as error:  # noqa: BLE001 - each becomes an answer
        answer, status, headers = refusal(error)
    await send_answer(send, status, answer, headers)


async def _answer(scope: Scope, receive: Receive) -> tuple[int, msgspec.Struct]:
    if not hosts.is_served(handshake.headers_of(scope), scope["path"]):
        raise BadFrame("This host is not served here")
    address = (scope.get("client") or ("", 0))[0]
    identity = await session.running().rights.identify(_header(scope, b"authorization")[7:].strip(), address)
    handle, names = cast(tuple[Handler, tuple[str, ...]], _route(scope))
    with scopes.within(identity.scope):
        return await handle(identity, scope, receive, *names)


async def _list_rooms(caller: Identity, scope: Scope, _receive: Receive) -> tuple[int, msgspec.Struct]:
    session.running().rates.spend("requests", caller.user_id)
    query = rest.query(_parameters(scope), RoomsQuery)
    found = await database.call(listed, caller.user_id, query)
    counts = await session.running().presence.counts([room.room_id for room in found.entries])
    return 200, room_page(found, query, counts)


async def _read_page(caller: Identity, scope: Scope, _receive: Receive, name: str) -> tuple[int, msgspec.Struct]:
    session.running().rates.spend("reads", caller.user_id)
    query = rest.query(_parameters(scope), MessagesQuery)
    messages = await database.call(
        page, user_id=caller.user_id, name=name, limit=query.limit, before=query.before, after=query.after
    )
    return 200, MessagePage(messages)


async def _post(caller: Identity, scope: Scope, receive: Receive, name: str) -> tuple[int, msgspec.Struct]:
    user_id = caller.user_id
    new = rest.body(rest.decode(await _body(scope, receive)), PostMessage)
    has_files, reply_to, names = bool(new.attachments), reply_key(new.reply_to), checked(new.mentions)
    content = text_content(new.content, has_files=has_files)
    room = await database.call(access.room, user_id, name)
    line = slash_commands.read(content, is_bot=caller.is_bot, has_files=has_files)
    session.running().rates.spend_message(user_id, room.room_id, None if line.is_command else new.client_id)
    if line.is_command:
        return 200, await database.call(command_result, caller.acts("rest"), name, line)
    text = await hooks.acheck_post(user_id, room.room_id, text_content(line.text, has_files=has_files))
    wanted = NewMessage(
        room.room_id,
        user_id,
        text_content(text, has_files=has_files),
        new.client_id,
        line.kind or slash_commands.CHAT,
        reply_to,
        "moderator" in caller.roles,
        names,
        tuple(new.attachments),
        bot=caller.is_bot,
        bot_mentions=caller.may_mention,
    )
    message = await session.running().posted(wanted)
    return status_of(message), message_frame(message)


Handler = Callable[..., Awaitable[tuple[int, msgspec.Struct]]]
MESSAGES = re.compile(r"/api/rooms/([^/]+)/messages/?")
ROUTES: tuple[tuple[str, re.Pattern[str], Handler], ...] = (
    ("POST", MESSAGES, _post),
    ("GET", MESSAGES, _read_page),
    ("GET", re.compile(r"/api/rooms/?"), _list_rooms),
)


def _route(scope: Scope) -> tuple[Handler, tuple[str, ...]] | None:
    for method, path, handle in ROUTES:
        if method == scope["method"] and (match := path.fullmatch(scope["path"])):
            return handle, match.groups()
    return None


def _parameters(scope: Scope) -> dict[str, str]:
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


async def _body(scope: Scope, receive: Receive) -> bytes:
    kind = _header(scope, b"content-type").partition(";")[0].strip().lower()
    if kind != rest.JSONParser.media_type:
        raise UnsupportedMediaType(kind)
    limit = conf.CHAT_MAX_FRAME_BYTES
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
