"""Answers over ASGI alone, for requests that Django does not see."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
HEADERS = [
    (b"content-type", b"application/json"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


async def send_answer(send: Send, status: int, answer: msgspec.Struct, headers: Mapping[str, str]) -> None:
    body = msgspec.json.encode(answer)
    more = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    more.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*HEADERS, *more]})
    await send({"type": "http.response.body", "body": body})
