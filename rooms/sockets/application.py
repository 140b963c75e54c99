"""The chat's socket in a project's ASGI application.

Starts this process's part of the chat with the server, drains it before the server stops, and stops it after the last
socket. A server without lifespan events, such as daphne, starts it with the first socket.
"""

import re
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import structlog
from channels.routing import ProtocolTypeRouter
from django.conf import settings

from monitoring.request_ids import request_id
from rooms.api import upload_bodies
from rooms.conf import conf
from rooms.live import node
from rooms.sockets import handshake, session
from rooms.sockets.consumer import ChatConsumer

HOOK = re.compile(r"(?P<path>.*/api/hooks/[0-9]{1,18}/)(?P<secret>whk_[^/]+)/?")

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

consumer: Any = ChatConsumer.as_asgi()


def with_chat(application: Application) -> Application:
    """The application with the chat's socket, and a check of uploads, in front. It may be a ProtocolTypeRouter with
    sockets of its own.
    """
    served = application.application_mapping if isinstance(application, ProtocolTypeRouter) else {"http": application}

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "websocket" and is_chat(scope):
            await consumer(scope, receive, send)
        elif kind == "lifespan":
            await _lifespan(served.get(kind, _live), scope, receive, send)
        elif kind == "websocket" and kind not in served:
            await refuse_socket(scope, receive, send)
        elif upload_bodies.is_upload(scope):
            await upload_bodies.serve(application, scope, receive, send)
        elif kind == "http":
            hide_secret(scope)
            await application(scope, receive, send)
        else:
            await application(scope, receive, send)

    return serve


def hide_secret(scope: Scope) -> None:
    """Moves the secret of an incoming webhook from the path to the header where others stand.

    In place, and before anything else has the request: neither logs, nor pages of errors, nor what records requests
    for other systems is shown it, whoever serves them.
    """
    found = HOOK.fullmatch(scope["path"])
    if found is None:
        return
    scope["path"] = found["path"]
    if scope.get("raw_path"):
        raw = HOOK.fullmatch(scope["raw_path"].decode("latin-1"))
        scope["raw_path"] = (raw["path"] if raw else found["path"]).encode("latin-1", "replace")
    others = [header for header in scope["headers"] if header[0].lower() != b"authorization"]
    secret = found["secret"].encode("latin-1", "replace")
    scope["headers"][:] = [*others, (b"authorization", b"Bearer " + secret)]


def is_chat(scope: Mapping[str, Any]) -> bool:
    """Whether a socket is the chat's: by its path, with or without the prefix under which the site is mounted."""
    path = scope["path"].rstrip("/")
    prefixes = {"", scope.get("root_path", "").rstrip("/"), (settings.FORCE_SCRIPT_NAME or "").rstrip("/")}
    return path in {prefix + conf.CHAT_SOCKET_PATH.rstrip("/") for prefix in prefixes}


async def refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a handshake on a path where no socket is with HTTP 404."""
    await receive()
    log.info("socket.unknown_path", path=scope["path"][:100], request=request_id(scope))
    await handshake.refuse(scope, send, status=404)


async def _lifespan(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
    async def send_between(event: Mapping[str, Any]) -> None:
        if event["type"] == "lifespan.startup.complete":
            _drain_first(session.running())
        elif event["type"] == "lifespan.shutdown.complete":
            await node.stop()
        await send(event)

    await application(scope, receive, send_between)


async def _live(_scope: Scope, receive: Receive, send: Send) -> None:
    """The lifespan of an application that has none."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _drain_first(running: node.Node) -> None:
    """Has the node drain before the server's own answer to SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        return
    stop = signal.getsignal(signal.SIGTERM)

    async def drain(number: int) -> None:
        await running.drain()
        if callable(stop):
            stop(number, None)

    def on_signal(number: int, _: object) -> None:
        if not running.draining:
            running.loop.call_soon_threadsafe(lambda: running.spawn(drain(number)))

    signal.signal(signal.SIGTERM, on_signal)
