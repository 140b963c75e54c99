"""The roof: which door an ASGI scope goes to, and what starts and stops with the server."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
pages = get_asgi_application()  # sets Django up, so it comes before everything that needs models

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from rooms import node  # noqa: E402
from rooms.consumers import ChatConsumer  # noqa: E402

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Starts this process's node with the server, and stops it after the last socket. Daphne has no lifespan."""
    await receive()
    node.running()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await node.stop()
    await send({"type": "lifespan.shutdown.complete"})


application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": URLRouter([re_path(r"^(?:ws|chat)/?$", ChatConsumer.as_asgi())]),
        "lifespan": lifespan,
    }
)
