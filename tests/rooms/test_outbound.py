"""Requests go to public addresses only, by one look at each name, and end in time."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from rooms import outbound
from rooms.outbound import Outcome, is_public, post, problem
from tests.support.machine import missing

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
NOT_PUBLIC = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",  # noqa: S104
    "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
    "2002:7f00:1::", "2001::1", "2001:db8::1", "fe80::1", "fec0::1", "fd00:ec2::254", "ff02::1", "5f00::1",
]  # fmt: skip
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@pytest.mark.parametrize(("text", "public"), [(a, True) for a in PUBLIC] + [(a, False) for a in NOT_PUBLIC])
def test_only_what_everybody_can_reach_is_public(text: str, public: bool) -> None:
    assert is_public(ip_address(text)) is public


@pytest.mark.parametrize(
    "url",
    ["https://example.com/hook?key=1", "http://example.com:8080", "https://8.8.8.8/x", "https://[2606:4700::1111]/"],
)
def test_an_address_that_can_be_used(url: str) -> None:
    assert problem(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com", "file:///etc/passwd", "https://", "https:///path", "https://u@host/",
        "https://u:p@host/", "https://host:x/", "https://host:0/", "https://host:99999/", "https://[::1/", "gopher://x",
        "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1%25eth0]/", "https://host/ x", "https://host/\r\nX: 1", "https://höst/",
        f"https://host/{'x' * 500}",
    ],
)  # fmt: skip
def test_an_address_that_cannot(url: str) -> None:
    assert problem(url) is not None


@asynccontextmanager
async def receiver(handle: Handle) -> AsyncIterator[int]:
    """A server of one's own on 127.0.0.1; answers its port."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answering(answer: bytes, seen: list[bytes]) -> Handle:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        seen.append(head + await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()
        writer.close()

    return handle


OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names lead to, one answer after the other; the last one stays. Every look is noted under "looked"."""
    found: dict[str, list[str]] = {"looked": []}

    async def resolve(host: str, port: int) -> list[str]:
        found["looked"].append(host)
        answers = found[host]
        return [answers.pop(0) if len(answers) > 1 else answers[0]]

    monkeypatch.setattr(outbound, "resolve", resolve)
    return found


async def test_it_is_sent_to_the_name_and_the_address(names: dict[str, list[str]], settings: Any) -> None:
    settings.CHAT_WEBHOOK_ALLOWED_HOSTS = ["Receiver.example"]
    seen: list[bytes] = []
    async with receiver(answering(OK, seen)) as port:
        names["receiver.example"] = ["127.0.0.1"]
        url = f"http://receiver.example:{port}/hook?key=1"
        assert await post(url, {"webhook-id": "evt_1"}, b"{}") == Outcome(204)
    [request] = seen
    assert request.startswith(b"POST /hook?key=1 HTTP/1.1\r\n")
    assert f"Host: receiver.example:{port}\r\n".encode() in request
    assert b"webhook-id: evt_1\r\n" in request
    assert request.endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "169.254.169.254", "::ffff:127.0.0.1"])
async def test_a_name_that_leads_inside_is_sent_nothing(names: dict[str, list[str]], address: str) -> None:
    names["inside.example"] = [address]
    assert await post("http://inside.example/", {}, b"") == Outcome(0, "the address is not public")


async def test_one_address_inside_among_others_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "10.0.0.1"]

    monkeypatch.setattr(outbound, "resolve", resolve)
    assert (await post("http://mixed.example/", {}, b"")).error == "the address is not public"


async def test_a_resolver_that_changes_its_mind_changes_nothing(
    names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public when it is judged, inside a moment later: the connection goes to what was judged."""
    connected: list[str] = []

    async def connect(self: Any, host: str, *_: Any, **__: Any) -> Any:
        connected.append(host)
        raise outbound.httpcore.ConnectError("enough")

    monkeypatch.setattr(outbound.httpcore.AnyIOBackend, "connect_tcp", connect)
    names["rebinding.example"] = ["8.8.8.8", "127.0.0.1"]
    assert (await post("http://rebinding.example/", {}, b"")).status == 0
    assert (names["looked"], connected) == (["rebinding.example"], ["8.8.8.8"])


@pytest.mark.parametrize("text", ["http://0x7f.1:9/", "http://2130706433:9/", "http://127.1:9/", "http://localhost:9/"])
async def test_other_ways_to_write_an_address_inside_are_found_out(text: str) -> None:
    assert await post(text, {}, b"") == Outcome(0, "the address is not public")


async def test_redirects_are_judged_like_the_first_address(names: dict[str, list[str]], settings: Any) -> None:
    settings.CHAT_WEBHOOK_ALLOWED_HOSTS = ["receiver.example"]
    names["receiver.example"] = ["127.0.0.1"]
    names["inside.example"] = ["127.0.0.1"]
    seen: list[bytes] = []
    async with receiver(answering(OK, seen)) as port:
        for target in (f"http://127.0.0.1:{port}/", f"http://inside.example:{port}/", "file:///etc/passwd"):
            moved = f"HTTP/1.1 307 Moved\r\nLocation: {target}\r\n\r\n".encode()
            async with receiver(answering(moved, [])) as first:
                outcome = await post(f"http://receiver.example:{first}/", {}, b"")
                assert outcome == Outcome(0, "the address is not public"), target
        assert seen == []
        moved = f"HTTP/1.1 308 Moved\r\nLocation: http://receiver.example:{port}/new\r\n\r\n".encode()
        async with receiver(answering(moved, [])) as first:
            assert await post(f"http://receiver.example:{first}/", {}, b"{}") == Outcome(204)
        assert seen[0].startswith(b"POST /new ")
        assert seen[0].endswith(b"{}")


async def test_redirects_have_an_end_and_others_are_not_followed(settings: Any) -> None:
    settings.CHAT_WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    seen: list[bytes] = []
    async with receiver(answering(b"HTTP/1.1 307 Moved\r\nLocation: /again\r\n\r\n", seen)) as port:
        assert await post(f"http://127.0.0.1:{port}/", {}, b"") == Outcome(307, "too many redirects")
    assert len(seen) == 4
    for status in (301, 302, 303, 300):
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: /again\r\n\r\n".encode()
        async with receiver(answering(moved, [])) as port:
            assert await post(f"http://127.0.0.1:{port}/", {}, b"") == Outcome(status, f"answered with {status}")


@pytest.mark.parametrize("target", ["http://[", "//[::1", "http://host:port/", "http://h\xf6st/", "https://"])
async def test_a_redirect_to_what_is_no_address_is_a_failure(settings: Any, target: str) -> None:
    """An answer that raised would be no attempt: its event would be sent again and again, for ever."""
    settings.CHAT_WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    moved = f"HTTP/1.1 307 Moved\r\nLocation: {target}\r\n\r\n".encode("latin-1")
    async with receiver(answering(moved, [])) as port:
        assert await post(f"http://127.0.0.1:{port}/", {}, b"") == Outcome(0, "the address is not public")


async def test_an_answer_that_does_not_come_or_does_not_end_is_given_up(settings: Any) -> None:
    """Byte by byte, too: the time is for all of it."""
    settings.CHAT_WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.CHAT_WEBHOOK_TIMEOUT_S = 0.1
    ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.005)  # this receiver is slow
        writer.close()
        ended.set()

    async with receiver(drip) as port:
        assert await post(f"http://127.0.0.1:{port}/", {}, b"") == Outcome(0, "no answer in time")
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_body_without_end_is_not_read(settings: Any) -> None:
    settings.CHAT_WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 100_000
    async with receiver(answering(head, [])) as port:
        assert await post(f"http://127.0.0.1:{port}/", {}, b"") == Outcome(200)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000])
async def test_what_is_no_answer_is_a_failure(settings: Any, answer: bytes) -> None:
    settings.CHAT_WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    async with receiver(answering(answer, [])) as port:
        outcome = await post(f"http://127.0.0.1:{port}/", {}, b"")
    assert outcome.status == 0
    assert outcome.error.startswith("not reached: ")


async def test_a_name_without_an_address_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: int) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(outbound, "_look_up", look_up)
    assert await post("https://nowhere.invalid/", {}, b"") == Outcome(0, "not reached: gaierror")


@pytest.fixture
def foreign_certificate(tmp_path: Path) -> ssl.SSLContext:
    """What a server shows that is somebody else."""
    program = shutil.which("openssl")
    if program is None:
        missing("openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    options = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=elsewhere",
    ]
    subprocess.run([program, *options, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_certificate_of_another_name_is_refused(settings: Any, foreign_certificate: ssl.SSLContext) -> None:
    settings.CHAT_WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    seen: list[bytes] = []
    server = await asyncio.start_server(answering(OK, seen), "127.0.0.1", 0, ssl=foreign_certificate)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert (await post(f"https://127.0.0.1:{port}/", {}, b"")).error == "not reached: ConnectError"
    assert seen == []
