"""The nginx example does what it says: TLS, pages, sockets and REST through it, and a restart behind it."""

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from websockets import WebSocketException
from websockets.exceptions import InvalidStatus

from tests.deploy.site import ADDRESS, Site
from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.machine import eventually, free_port
from tests.support.servers import ServerProcess


@pytest.fixture
def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Site]]:
    with ExitStack() as started:

        def make(ports: list[int], static: Path = tmp_path) -> Site:
            folder = tmp_path / "nginx"
            folder.mkdir()
            site = started.enter_context(Site(folder, static=static, ports=ports))
            monkeypatch.setenv("SSL_CERT_FILE", str(site.certificate))  # for the ChatClient
            return site

        yield make


@pytest.fixture
def processes(make_server: Callable[..., ServerProcess], postgres_url: str, redis: Any) -> list[ServerProcess]:
    settings = {"REDIS_URL": redis.url, "CHAT_HTTPS": 1, "CHAT_DRAIN_S": 1, "CHAT_TRUSTED_PROXIES": f"{ADDRESS}/32"}
    return [make_server(database_url=postgres_url, **settings) for _ in range(2)]


@pytest.fixture
def site(processes: list[ServerProcess], make_site: Callable[..., Site]) -> Site:
    return make_site([process.port for process in processes])


async def test_people_sign_in_and_talk_through_it(site: Site, processes: list[ServerProcess]) -> None:
    """The page's cookie, its socket and the monitoring page; a token, its socket and REST."""
    admin = processes[0].person("admin", is_staff=True, is_superuser=True)
    alice = processes[0].person("alice")
    browser, program = site.visitor(), site.visitor()
    assert b"chat-page" in await asyncio.to_thread(browser.sign_in, admin.username, admin.password)
    assert all(cookie.secure for cookie in browser.cookies)
    status, tokens = await asyncio.to_thread(
        program.post, "/api/auth", {"username": alice.username, "password": alice.password}, X_Forwarded_For="6.6.6.6"
    )
    assert status == 200
    async with (
        ChatClient.connect(site.ws_url, headers=browser.socket_headers(), origin=site.url) as a,
        ChatClient.connect(site.ws_url, tokens["token"], headers={"X-Forwarded-For": "6.6.6.6"}) as b,
    ):
        await a.expect("auth-success")
        with pytest.raises(InvalidStatus, match="403"):
            async with ChatClient.connect(
                site.ws_url, headers=browser.socket_headers(), origin="https://chat.example.org"
            ):
                pass
        for client in (a, b):
            await enter(client, "lobby")
        await a.call("chat-message", roomId="lobby", content="by socket")
        said = await asyncio.to_thread(
            program.post, "/api/rooms/lobby/messages", {"content": "by REST"}, Authorization=f"Bearer {tokens['token']}"
        )
        assert said[0] == 201
        for client in (a, b):
            assert [(await client.expect("chat-message"))["content"] for _ in range(2)] == ["by socket", "by REST"]
        status, headers, body = await asyncio.to_thread(
            browser.ask, "/admin/monitoring/data/", X_Request_ID="of-a-client"
        )
    assert status == 200
    assert re.fullmatch(r"[0-9a-f]{32}", headers["X-Request-ID"]), "nginx has made it, whatever the client says"
    people = {person["username"]: person["address"] for person in json.loads(body)["online"]["people"]}
    assert people == {"admin": "127.0.0.1", "alice": "127.0.0.1"}
    assert await asyncio.to_thread(processes[0].database.run, _signed_in_from, alice.id) == "127.0.0.1"


def _signed_in_from(user_id: int) -> str:
    from accounts.models import SignIn

    return str(SignIn.objects.get(user_id=user_id).address)


def test_it_answers_alone_where_no_process_is_needed(make_site: Callable[..., Site], tmp_path: Path, settings) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"}
    }
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=["admin", "drf_spectacular_sidecar"])
    site = make_site([free_port(), free_port()], settings.STATIC_ROOT)
    _files_are_compressed_and_kept(site, settings.STATIC_ROOT)
    _http_leads_to_https(site)
    assert site.visitor().ask("/metrics")[0] == 404
    assert site.visitor().ask("/health")[0] == 502
    _passwords_are_tried_so_often_at_most(site)
    _networks_are_counted_as_one_client(site)
    _tokens_are_renewed_so_often_at_most(site)
    _no_log_has_the_secret_of_a_webhook(site)


def _files_are_compressed_and_kept(site: Site, static: Path) -> None:
    [hashed] = [path.name for path in (static / "rooms").glob("chat-client.*.js")]
    for name, kept in ((hashed, "public, max-age=31536000, immutable"), ("chat-client.js", "public, max-age=60")):
        status, headers, body = site.visitor().ask(f"/static/rooms/{name}", Accept_Encoding="gzip")
        assert (status, headers["Content-Encoding"], headers["Vary"]) == (200, "gzip", "Accept-Encoding")
        assert "javascript" in headers["Content-Type"]
        assert headers["Cache-Control"] == kept
        assert body.startswith(b"\x1f\x8b")


def _http_leads_to_https(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.plain_port)) as line, line.makefile() as answer:
        line.sendall(b"GET /rooms/x/?y=1 HTTP/1.0\r\nHost: chat.example.com\r\n\r\n")
        assert "Location: https://chat.example.com/rooms/x/?y=1\n" in answer.readlines()


def _no_log_has_the_secret_of_a_webhook(site: Site) -> None:
    assert site.visitor().ask("/api/hooks/1/whk_in-the-path/?also=whk_in-the-query", b"{}")[0] == 502
    with socket.create_connection(("127.0.0.1", site.plain_port)) as line, line.makefile() as answer:
        line.sendall(b"POST /api/hooks/1/whk_in-the-path/ HTTP/1.0\r\nHost: chat.example.com\r\n\r\n")
        assert "301" in answer.readline()
    logs = "".join(path.read_text(errors="replace") for path in site.log.parent.glob("*.log"))
    assert logs.count('"POST /api/hooks/... HTTP/1.') == 2
    assert "whk_" not in logs


def _passwords_are_tried_so_often_at_most(site: Site) -> None:
    answers = [site.visitor().ask("/api/auth", b"{}") for _ in range(30)]
    assert {status for status, _, _ in answers} == {502, 429}
    refusal = json.loads(answers[-1][2])
    assert (refusal["code"], refusal["retryable"], answers[-1][1]["Retry-After"]) == ("rate-limited", True, "2")


PATHS = ("/admin/login/", "/api/auth/register", "/accounts/sign-in/", "/accounts/register/", "/accounts/password/")
RESET = "/accounts/password/MQ/token/"


def _networks_are_counted_as_one_client(site: Site) -> None:
    """IPv6 by /64, whatever bytes are in the address (0a is a newline); and every path that takes a password."""

    def asked(path: str, address: str) -> int:
        return site.visitor().ask(path, X_Test_Address=address)[0]

    for number, path in enumerate((*PATHS, RESET)):
        network = f"2001:db8:a0a:{number:x}0a"
        assert 429 in [asked(path, f"{network}::a:{host:x}") for host in range(1, 41)], path
        assert asked(path, f"2001:db8:a0a:{number:x}0b::a:1") == 502, "another network"
        assert [asked(path, f"192.0.2.{10 * number + host}") for host in (1, 2)] == [502, 502]


def _tokens_are_renewed_so_often_at_most(site: Site) -> None:
    for number, path in enumerate(("/api/auth/refresh", "/api/auth/exchange/")):
        address = f"2001:db8:b:{number}::1"
        answers = (site.visitor().ask(path, b"{}", X_Test_Address=address)[0] for _ in range(1_000))
        assert len(list(takewhile(lambda status: status == 502, answers))) in range(200, 1_000), path


async def test_a_restart_of_one_process_after_the_other_loses_nothing(
    site: Site, processes: list[ServerProcess]
) -> None:
    alice = processes[0].person("alice")
    acknowledged: dict[str, int] = {}
    done = asyncio.Event()

    async def talk() -> None:
        """Says one thing after the other, each again under the same clientId until it is acknowledged."""
        number = 0
        while not done.is_set():
            try:
                async with ChatClient.connect(site.ws_url, alice.token) as client:
                    await enter(client, "lobby")
                    while not done.is_set():
                        message = {
                            "id": f"m{number}",
                            "clientId": f"m{number}",
                            "roomId": "lobby",
                            "content": f"{number}",
                        }
                        answer = await client.call("chat-message", **message)
                        if answer["type"] == "ack":
                            acknowledged[f"{number}"], number = answer["seq"], number + 1
            except (AssertionError, OSError, WebSocketException):  # cut off, or nobody there for a moment
                await asyncio.sleep(0.1)

    talking = asyncio.create_task(talk())
    for process in processes:
        before = len(acknowledged)
        assert await asyncio.to_thread(process.terminate) == 0
        await asyncio.to_thread(process.start)
        await eventually(lambda before=before: len(acknowledged) > before, what="The talk goes on")
    done.set()
    await talking
    stored = await asyncio.to_thread(processes[0].database.run, _stored)
    assert {content: seq for content, seq in stored.items() if content in acknowledged} == acknowledged
    assert len(set(stored.values())) == len(stored) <= len(acknowledged) + 1


def _stored() -> dict[str, int]:
    from rooms.models import Message

    rows = list(Message.objects.values_list("content", "seq"))
    assert len(dict(rows)) == len(rows), "stored twice"
    return dict(rows)
