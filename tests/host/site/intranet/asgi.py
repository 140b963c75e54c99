"""The project's ASGI application. With HOST_STRIPPED=1 it stands behind a proxy that takes the prefix off."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "intranet.settings")
pages = get_asgi_application()

from rooms.routing import with_chat  # noqa: E402 - after Django is set up

served = with_chat(pages)
PREFIX = os.environ.get("HOST_PREFIX", "") if os.environ.get("HOST_STRIPPED") == "1" else ""


async def application(scope, receive, send):
    if PREFIX and scope["type"] != "lifespan":
        path = scope["path"]
        scope = {**scope, "path": path.removeprefix(PREFIX) if path.startswith(f"{PREFIX}/") else "/not-here"}
    await served(scope, receive, send)
