"""Each HTTP answer carries an id, the proxy's or a new one, and the log names it; a socket's log names the socket."""

import asyncio
import json
import re
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets import InvalidStatus

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.machine import eventually
from tests.support.servers import Person, ServerProcess


async def _ask(server: ServerProcess, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """The status and the id of an answer."""

    def ask() -> tuple[int, str]:
        line = HTTPConnection(urlsplit(server.url).netloc, timeout=5)
        line.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = line.getresponse()
        answer.read()
        line.close()
        assert len(answer.headers.get_all("X-Request-ID")) == 1
        return answer.status, answer.headers["X-Request-ID"]

    return await asyncio.to_thread(ask)


async def test_pages_files_and_refusals_carry_the_id_of_the_proxy(server: ServerProcess, alice: Person) -> None:
    token = {"Authorization": f"Bearer {alice.token}"}
    asked: list[tuple[int, str, str, dict[str, str]]] = [
        (302, "GET", "/", {}),
        (200, "GET", "/accounts/sign-in/", {}),
        (200, "GET", "/health", {}),
        (404, "GET", "/nowhere", {}),
        (401, "GET", "/api/rooms", {}),
        (401, "GET", "/api/rooms", {"Authorization": "Bearer wrong"}),
        (200, "GET", "/api/rooms", token),
        (404, "GET", "/api/rooms/nowhere/messages", token),
        (400, "GET", "/accounts/sign-in/", {"Host": "elsewhere"}),
        (403, "POST", "/accounts/sign-in/", {}),
    ]
    if server.kind == "uvicorn":  # `runserver` serves files before it asks the site
        asked.append((200, "GET", "/static/rooms/favicon.svg", {}))
    for number, (status, method, path, headers) in enumerate(asked):
        given = f"of-the-proxy-{number}"
        assert await _ask(server, path, method, X_Request_ID=given, **headers) == (status, given), path


async def test_an_id_that_is_not_sane_is_replaced_and_never_logged(server: ServerProcess) -> None:
    _, made = await _ask(server, "/nowhere", X_Request_ID="<script>")
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert "<script>" not in server.tail()


def _lines(server: ServerProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.tail().splitlines() if line.startswith("{")]


async def test_the_log_names_the_request_and_the_socket(make_server: Any) -> None:
    secrets = {"SECRET_KEY": "s" * 40, "JWT_SECRET": "j" * 40}
    server = make_server("uvicorn", DEBUG=0, **secrets)
    await _ask(server, "/api/nowhere", X_Request_ID="lost-page")
    await eventually(lambda: any(line.get("request") == "lost-page" for line in _lines(server)))
    [line] = [line for line in _lines(server) if line.get("request") == "lost-page"]
    assert (line["logger"], line["event"]) == ("django.request", "Not Found: /api/nowhere")
    async with ChatClient.connect(server.ws_url, headers={"X-Request-ID": "a-socket"}):
        await eventually(lambda: any(line.get("request") == "a-socket" for line in _lines(server)))
    await eventually(lambda: any(line["event"] == "socket.closed" for line in _lines(server)))
    opened, closed = (line for line in _lines(server) if line["event"].startswith("socket."))
    assert opened["request"] == "a-socket"
    assert opened["connection"] == closed["connection"]
    with pytest.raises(InvalidStatus) as refusal:
        async with ChatClient.connect(f"{server.ws_url}/more", headers={"X-Request-ID": "no-socket"}):
            pass
    assert refusal.value.response.headers["X-Request-ID"] == "no-socket"
    await eventually(lambda: any(line.get("request") == "no-socket" for line in _lines(server)))


async def test_work_of_the_process_names_nobody_who_happened_to_start_it(make_server: Any, redis: Any) -> None:
    """Daphne starts it with the first socket."""
    for kind in ("uvicorn", "daphne"):
        server = make_server(kind, REDIS_URL=redis.url, CHAT_PRESENCE_LEASE_S=2)
        alice = server.person(f"alice-{kind}")
        async with ChatClient.connect(server.ws_url, alice.token) as client:
            await enter(client, "hall")
            redis.kill()
            await client.call("chat-message", roomId="hall", content="alone")
            await eventually(lambda server=server: "bus.group_failed" in server.tail())
        redis.restart()
        failed = [line for line in server.tail().splitlines() if "bus.group_failed" in line or "publish_failed" in line]
        assert failed
        assert not [line for line in failed if "connection=" in line or "request=" in line]
        server.terminate()
