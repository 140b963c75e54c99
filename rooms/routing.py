"""The chat's socket in a project's `asgi.py`: `application = with_chat(get_asgi_application())`.

May be imported before Django is set up, as imports at the top of that file are.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from django.urls import re_path

from rooms.conf import conf

Application = Callable[[Any, Any, Any], Awaitable[None]]


def with_chat(application: Application) -> Application:
    """The application with the chat's socket in front. It may be a ProtocolTypeRouter with sockets of its own."""
    from rooms.sockets import application as chat

    return chat.with_chat(application)


async def socket(scope: Any, receive: Any, send: Any) -> None:
    """The chat's socket alone, for a project that routes sockets in another way."""
    from rooms.sockets.application import consumer

    await consumer(scope, receive, send)


def __getattr__(name: str) -> Any:
    """`websocket_urlpatterns`, for a URLRouter; made when asked for, because it reads a setting."""
    if name != "websocket_urlpatterns":
        raise AttributeError(f"module 'rooms.routing' has no attribute {name!r}")
    return [re_path(rf"^{conf.CHAT_SOCKET_PATH.strip('/')}/?$", socket)]  # type: ignore[arg-type]  # Channels routes to applications
