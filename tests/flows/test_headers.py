"""What every route of the site says in its headers: who may read, keep and embed its answers."""

import asyncio
import re
import urllib.request
from collections.abc import Iterator
from email.message import Message
from typing import Any
from urllib.error import HTTPError

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.flows.test_signing_in import _session
from tests.support.servers import ServerProcess

FILE = "/static/rooms/chat-client.js"
VALUES = {"name": "general", "uidb64": "MQ", "token": "x", "app_label": "chat_rooms"}


def _paths(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            yield from _paths(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield _sample(path)


def _sample(path: str) -> str:
    path = re.sub(
        r"<(?:\w+:)?(\w+)>", lambda found: VALUES.get(found[1], "1"), re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", path)
    )
    return path.replace("/?", "/").replace("$", "").replace("\\Z", "").replace("\\.", ".")


def _headers(server: ServerProcess, path: str, **headers: str) -> Message:
    opener = urllib.request.build_opener(NoRedirects)
    try:
        asked = urllib.request.Request(f"{server.url}{path}", headers=headers)  # noqa: S310 - our own address
        with opener.open(asked, timeout=10) as answer:
            return answer.headers
    except HTTPError as error:
        with error:
            return error.headers


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


@pytest.mark.parametrize("by", ["nobody", "cookie", "token"])
async def test_every_route_keeps_its_answers_from_others(uvicorn_server: ServerProcess, by: str) -> None:
    server = uvicorn_server
    staff = server.person(f"staff-by-{by}", is_staff=True, is_superuser=True)
    proof = {
        "nobody": dict[str, str](),
        "cookie": _session(server, staff),
        "token": {"Authorization": f"Bearer {staff.token}"},
    }
    paths = sorted(set(_paths(get_resolver())))
    assert {"/", "/api/rooms/", "/api/me/", "/config/", "/health/", "/rooms/general/", "/admin/"} <= set(paths)
    for path in (*paths, "/nowhere", "/api/nowhere", "/api/rooms/general"):
        found = await asyncio.to_thread(_headers, server, path, **proof[by])
        said = {name: found[name] for name in ("Cross-Origin-Resource-Policy", "X-Content-Type-Options")}
        wanted = {"Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}
        if not path.startswith(("/health", "/ready", "/metrics")):  # numbers for machines, past Django's middleware
            assert (path, said) == (path, wanted)
        assert "camera=()" in found["Permissions-Policy"], path
        assert "no-store" in found["Cache-Control"], path
        assert found["Access-Control-Allow-Origin"] is None, path


async def test_files_may_be_kept_and_are_for_this_site(uvicorn_server: ServerProcess) -> None:
    found = await asyncio.to_thread(_headers, uvicorn_server, FILE)
    assert found["Content-Type"].startswith("text/javascript")
    assert "max-age" in found["Cache-Control"]
    assert found["Cross-Origin-Resource-Policy"] == "same-origin"
    assert found["Access-Control-Allow-Origin"] is None


async def test_pages_keep_their_window_to_themselves(uvicorn_server: ServerProcess) -> None:
    found = await asyncio.to_thread(_headers, uvicorn_server, "/accounts/sign-in/")
    assert found["Cross-Origin-Opener-Policy"] == "same-origin"
