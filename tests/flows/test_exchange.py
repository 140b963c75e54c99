"""Signing in by another system's token at a real server, as docs/sign-in.md says, and while the issuer is slow."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import pytest

from tests.project.tree import ROOT
from tests.support.client import ChatClient
from tests.support.issuers import AUDIENCE, ISSUER, JwksServer, token
from tests.support.machine import missing
from tests.support.servers import ServerProcess

PAGE = (ROOT / "docs/sign-in.md").read_text(encoding="utf-8")
SETTING = re.search(r"^export CHAT_ISSUERS='(.*)'$", PAGE, re.MULTILINE)
EXAMPLE = re.search(r"^```sh\n(SHOP_TOKEN=.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def jwks_server() -> Iterator[JwksServer]:
    with JwksServer() as running:
        yield running


def exchange(server: ServerProcess, subject: str = "7") -> dict[str, Any]:
    body = json.dumps({"token": token(sub=subject)}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/api/auth/exchange", body, headers)  # noqa: S310 - the server's own address
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
        return dict(json.load(answer))


def run_example(server: ServerProcess) -> dict[str, Any]:
    """What the commands of the page print, run with this server's address and this Python."""
    bash = shutil.which("bash")
    if not bash or not shutil.which("curl"):
        missing("bash or curl")
    assert EXAMPLE
    script = EXAMPLE[1].replace("http://127.0.0.1:8000", server.url).replace("$(python ", f"$({sys.executable} ")
    return dict(json.loads(subprocess.run([bash, "-ec", script], capture_output=True, text=True, check=True).stdout))


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_the_example_of_the_page_signs_in(make_server: Callable[..., ServerProcess], kind: str) -> None:
    assert SETTING
    server = make_server(kind, CHAT_ISSUERS=SETTING[1])
    answer = await asyncio.to_thread(run_example, server)
    assert (answer["user"]["username"], answer["user"]["roles"]) == ("zoe", ["user"])
    async with ChatClient.connect(server.ws_url, answer["token"]) as client:
        await client.call("join-room", roomId="general")


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
def test_an_issuer_that_is_slow_keeps_nobody_else_waiting(
    make_server: Callable[..., ServerProcess], jwks_server: JwksServer, kind: str
) -> None:
    asked, go_on = Event(), Event()

    def wait(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        go_on.wait(20)
        jwks_server.send(handler)

    jwks_server.respond = wait
    entry = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": jwks_server.url, "create": True}
    server = make_server(kind, CHAT_ISSUERS=json.dumps([entry]), no_proxy="127.0.0.1")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(exchange, server)
        assert asked.wait(20)
        with urllib.request.urlopen(f"{server.url}/health") as health:  # noqa: S310 - as above
            assert health.status == 200
        assert not answer.done()
        go_on.set()
        assert answer.result()["user"]["username"] == "zoe"


def test_namesakes_and_one_person_twice_get_in_at_once_on_postgresql(
    make_server: Callable[..., ServerProcess], postgres_url: str, jwks_server: JwksServer
) -> None:
    entry = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": jwks_server.url, "create": True}
    server = make_server("uvicorn", database_url=postgres_url, CHAT_ISSUERS=json.dumps([entry]), no_proxy="127.0.0.1")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(exchange, [server] * 6, ["1", "2", "3"] * 2))
    assert {answer["user"]["username"] for answer in answers} == {"zoe", "zoe-2", "zoe-3"}
    assert [answer["user"] for answer in answers[:3]] == [answer["user"] for answer in answers[3:]]
