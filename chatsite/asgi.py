"""Routes ASGI scopes, and starts and stops what lives as long as the server."""

import gc
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
pages = get_asgi_application()  # sets Django up, so it comes before everything that needs models

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from rooms.api import token_requests  # noqa: E402
from rooms.live import node  # noqa: E402
from rooms.sockets import handshake, session  # noqa: E402
from rooms.sockets.consumer import ChatConsumer  # noqa: E402

log = structlog.get_logger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    serve = token_requests.serve if token_requests.serves(scope) else pages
    await serve(scope, receive, send)


async def lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Starts this process's node with the server, and stops it after the last socket. Daphne has no lifespan."""
    await receive()
    _drain_first(session.running())
    gc.collect()
    gc.freeze()  # what start-up made lives on; walking it in every full collection took 5 % of a busy server's CPU
    gc.set_threshold(20_000, 50, 100)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await node.stop()
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


async def refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a WebSocket handshake on any other path with HTTP 404."""
    await receive()
    log.info("socket.unknown_path", path=scope["path"][:100])
    await handshake.refuse(scope, send, status=404)


sockets = [
    re_path(r"^(?:ws|chat)/?$", ChatConsumer.as_asgi()),
    re_path(r"", refuse_socket),  # type: ignore[arg-type]  # Channels routes to applications, Django's stubs to views
]
application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": URLRouter(sockets),
        "lifespan": lifespan,
    }
)
