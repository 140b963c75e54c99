"""Headers of every HTTP answer of the site, whoever made it: a view, REST past Django, a file, or an error.

An ASGI application around another one. A header that the answer already has is kept.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]
FEATURES = (
    "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
    "microphone", "midi", "payment", "usb",
)  # fmt: skip
DEFAULTS = {
    b"cache-control": b"no-store",  # files say how long they may be kept; all else may be somebody's own
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": ", ".join(f"{feature}=()" for feature in FEATURES).encode(),
}


def with_headers(application: Application) -> Application:
    async def serve(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        async def send_with_headers(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                added = [(name, value) for name, value in DEFAULTS.items() if name not in names]
                message = {**message, "headers": [*given, *added]}
            await send(message)

        await application(scope, receive, send_with_headers if scope["type"] == "http" else send)

    return serve
