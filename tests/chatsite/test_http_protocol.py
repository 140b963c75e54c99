"""The production server's HTTP protocol: how long it waits for a request, and whom it drops when files run short."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from chatsite import descriptors
from chatsite.http_protocol import HttpProtocol
from monitoring import metrics
from tests.chatsite.test_socket_protocol import Line
from tests.support.machine import eventually

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
SHORT_S = 0.02


@pytest.fixture(autouse=True)
def _nobody_waits() -> Iterator[None]:
    HttpProtocol.waiting.clear()
    yield
    HttpProtocol.waiting.clear()


async def application(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Served:
    """A line to the protocol, which may share its server's state with others."""

    def __init__(self, state: ServerState | None = None) -> None:
        config = Config(application, log_config=None, interface="asgi3", timeout_keep_alive=60)
        config.load()
        self.protocol, self.line = HttpProtocol(config, state or ServerState(), {}), Line()
        self.protocol.connection_made(self.line)

    def take(self, data: bytes) -> None:
        self.protocol.data_received(data)

    async def closed(self) -> bytes:
        await eventually(lambda: self.line.closed, what="The server closes the line")
        return self.line.written

    async def answered(self) -> None:
        await eventually(lambda: self.line.written.endswith(b"ok"), what="An answer")

    def end(self) -> None:
        self.protocol.connection_lost(None)


def dropped(reason: str) -> int:
    line = next((row for row in metrics.text().splitlines() if f'dropped_total{{reason="{reason}"}}' in row), "0")
    return int(float(line.split()[-1]))


@pytest.mark.parametrize(
    ("sent", "answer", "reason"),
    [
        (b"", b"", "headers"),
        (b"\r\n\r\n", b"", "headers"),
        (HEAD[:3], b"HTTP/1.1 408 ", "headers"),
        (HEAD, b"HTTP/1.1 408 ", "headers"),
        (HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"HTTP/1.1 408 ", "headers"),
        (POST + b"1234", b"HTTP/1.1 408 ", "body"),
    ],
    ids=["nothing", "empty lines", "half a line", "half the headers", "half a handshake", "half a body"],
)
async def test_what_does_not_become_a_request_is_closed(settings: Any, sent: bytes, answer: bytes, reason: str) -> None:
    settings.CHAT_HANDSHAKE_S = settings.CHAT_BODY_S = SHORT_S
    before = dropped(reason)
    served = Served()
    served.take(sent)
    written = await served.closed()
    assert written.startswith(answer)
    assert bool(written) == bool(answer)
    assert dropped(reason) == before + 1
    served.end()


async def test_the_body_of_an_upload_has_a_time_of_its_own(settings: Any) -> None:
    settings.CHAT_BODY_S, settings.CHAT_UPLOAD_S = 30, SHORT_S
    served, other = Served(), Served()
    served.take(POST.replace(b"POST /", b"POST /api/attachments/") + b"1234")
    other.take(POST + b"1234")
    assert (await served.closed()).startswith(b"HTTP/1.1 408 ")
    assert not other.line.closed
    for one in (served, other):
        one.end()


async def test_a_byte_now_and_then_wins_no_time(settings: Any) -> None:
    settings.CHAT_HANDSHAKE_S = 30
    served = Served()
    served.take(HEAD)
    deadline = served.protocol.deadline
    served.take(b"X: ")
    served.take(b"1")
    assert deadline is not None
    assert served.protocol.deadline is deadline
    served.end()
    assert deadline.cancelled()


async def test_a_whole_request_is_answered_however_long_that_takes(settings: Any) -> None:
    settings.CHAT_HANDSHAKE_S = settings.CHAT_BODY_S = 30
    served = Served()
    served.take(POST + b"12345")
    assert served.protocol.deadline is None
    await served.answered()
    served.take(POST[:9])  # the next request on the same line
    assert served.protocol.deadline is not None
    served.take(POST[9:] + b"12345")
    assert served.protocol.deadline is None
    assert not served.line.closed
    await eventually(lambda: served.line.written.count(b"ok") == 2, what="The second answer")
    served.end()


async def test_a_line_that_the_server_itself_does_not_read_is_not_closed(settings: Any) -> None:
    settings.CHAT_BODY_S = SHORT_S
    served = Served()
    served.take(POST)
    for _ in range(3):  # the application has begun to wait for the body
        await asyncio.sleep(0)
    served.protocol.flow.pause_reading()
    first = served.protocol.deadline
    await eventually(lambda: served.protocol.deadline is not first, what="The time is over")
    assert not served.line.closed
    served.protocol.flow.resume_reading()
    await served.closed()
    served.end()


async def test_without_a_limit_nothing_is_closed(settings: Any) -> None:
    settings.CHAT_HANDSHAKE_S = settings.CHAT_BODY_S = 0
    served = Served()
    served.take(HEAD)
    assert served.protocol.deadline is None
    served.end()


async def test_a_websocket_is_waited_for_no_longer() -> None:
    served = Served()
    deadline = served.protocol.deadline
    served.take(HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n")
    assert deadline is not None
    assert deadline.cancelled()
    assert served.protocol not in HttpProtocol.waiting
    await asyncio.gather(*served.protocol.tasks, return_exceptions=True)


async def test_when_files_run_short_the_oldest_that_waits_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "most_connections", lambda: 3)
    before, state = dropped("descriptors"), ServerState()
    busy, silent, slow = Served(state), Served(state), Served(state)
    busy.take(HEAD + b"\r\n")
    slow.take(HEAD)
    newcomer = Served(state)
    assert [each.line.closed for each in (busy, silent, slow, newcomer)] == [False, True, False, False]
    assert dropped("descriptors") == before + 1
    another = Served(state)
    assert [each.line.closed for each in (busy, slow, newcomer, another)] == [False, True, False, False]
    await busy.answered()
    for each in (busy, silent, slow, newcomer, another):
        each.end()
