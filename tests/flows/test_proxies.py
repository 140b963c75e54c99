"""Where people come from, when a proxy says so: only one that is named is believed."""

import asyncio
import json
import re
import urllib.request
from collections.abc import Callable

import pytest

from tests.support.client import ChatClient
from tests.support.machine import eventually
from tests.support.servers import Person, ServerProcess

CLIENT, PROXY = "203.0.113.9", "127.0.0.1"


def _signed_in_from() -> str:
    from accounts.models import SignIn

    return str(SignIn.objects.get().address)


@pytest.mark.parametrize(
    ("trusted", "said", "believed"),
    [
        ("", CLIENT, CLIENT),  # by default a proxy on the same machine
        ("127.0.0.0/8", CLIENT, CLIENT),
        ("127.0.0.1", f"6.6.6.6, {CLIENT}", CLIENT),  # what the client itself put in front counts for nothing
        ("10.0.0.1", CLIENT, PROXY),
    ],
)
async def test_a_forwarded_address_is_believed_from_a_trusted_proxy_only(
    make_server: Callable[..., ServerProcess], trusted: str, said: str, believed: str
) -> None:
    server = make_server("uvicorn", CHAT_TRUSTED_PROXIES=trusted)
    alice = server.person("alice")
    await asyncio.to_thread(_sign_in, server, alice, said)
    assert server.database.run(_signed_in_from) == believed
    async with ChatClient.connect(server.ws_url, alice.token, headers={"X-Forwarded-For": said}):
        await eventually(lambda: "socket.opened" in server.tail(), what="The socket is in the log")
    assert re.search(rf"socket\.opened .* address={re.escape(believed)}\s", server.tail())


def _sign_in(server: ServerProcess, person: Person, forwarded_for: str) -> None:
    body = json.dumps({"username": person.username, "password": person.password}).encode()
    headers = {"Content-Type": "application/json", "X-Forwarded-For": forwarded_for}
    request = urllib.request.Request(f"{server.url}/api/auth", body, headers)  # noqa: S310 - our own address
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - the same
