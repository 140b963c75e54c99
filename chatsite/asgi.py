"""The stand-alone site's ASGI application."""

import gc
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
pages = get_asgi_application()  # sets Django up, so it comes before everything that needs models

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from chatsite.bodies import with_bounded_bodies  # noqa: E402
from chatsite.headers import with_headers  # noqa: E402
from monitoring.request_ids import with_request_ids  # noqa: E402
from rooms.api import token_requests  # noqa: E402
from rooms.routing import socket, with_chat  # noqa: E402
from rooms.sockets.application import refuse_socket  # noqa: E402

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


bounded_pages = with_bounded_bodies(pages)


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    serve = token_requests.serve if token_requests.serves(scope) else bounded_pages
    await serve(scope, receive, send)


async def lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    gc.collect()
    gc.freeze()  # what start-up made lives on; walking it in every full collection took 5 % of a busy server's CPU
    gc.set_threshold(20_000, 50, 100)
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


sockets = URLRouter(
    [
        re_path(r"^chat/?$", socket),  # type: ignore[arg-type]  # Channels routes to applications, Django's stubs to views
        re_path(r"", refuse_socket),  # type: ignore[arg-type]  # the same
    ]
)
chat = with_chat(ProtocolTypeRouter({"http": http, "websocket": sockets, "lifespan": lifespan}))
application = with_headers(with_request_ids(chat))
