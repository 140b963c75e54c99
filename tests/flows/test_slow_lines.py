"""Connections that hold the server without asking anything of it, and peers that flood below the commands."""

import asyncio
import resource
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from chatsite.descriptors import RESERVE
from tests.flows.frames import undisturbed
from tests.support.client import ChatClient
from tests.support.servers import ServerProcess

HEAD = b"POST /api/auth HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n"


@pytest.fixture
def hasty(make_server: Callable[..., ServerProcess]) -> ServerProcess:
    return make_server("uvicorn", CHAT_HANDSHAKE_S=1, CHAT_BODY_S=1)


def _line(server: ServerProcess, sent: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    line.sendall(sent)
    return line


@pytest.mark.parametrize(
    ("sent", "answer"), [(b"", b""), (HEAD, b"HTTP/1.1 408 "), (HEAD + b"\r\n{", b"HTTP/1.1 408 ")]
)
def test_a_line_from_which_no_request_comes_is_closed(hasty: ServerProcess, sent: bytes, answer: bytes) -> None:
    with _line(hasty, sent) as line, line.makefile("rb") as answers:
        assert answers.read()[:13] == answer


async def test_silent_lines_do_not_lock_others_out(make_server: Callable[..., ServerProcess]) -> None:
    server = make_server("uvicorn")
    alice = server.person("alice")
    async with ChatClient.connect(server.ws_url, alice.token) as before:
        most = 2 * RESERVE
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (most, most))
        with ExitStack() as held:
            for _ in range(most + 30):
                held.enter_context(_line(server, b""))
            async with ChatClient.connect(server.ws_url, alice.token) as newcomer:
                for client in (before, newcomer):
                    assert (await client.call("ping"))["type"] == "pong"


async def test_a_flood_of_pings_ends_its_own_socket(uvicorn_server: ServerProcess) -> None:
    server, number = uvicorn_server, id(object())
    admin, alice = server.person(f"flooder-{number}", is_superuser=True), server.person(f"calm-{number}")
    async with undisturbed(server, alice, f"room-{number}"), ChatClient.connect(server.ws_url, admin.token) as client:
        for _ in range(100):
            await client.socket.ping()
        assert (await client.call("ping"))["type"] == "pong", "a hundred at once are fewer than too many"
        client.socket.transport.write(bytes((0x89, 0x80, 0, 0, 0, 0)) * 10_000)
        async with asyncio.timeout(5):
            assert await client.closed() == (1008, "Too many control frames")
