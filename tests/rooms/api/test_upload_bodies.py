"""The body of an upload is not read before it is known whose it is and how large."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from django.core.asgi import get_asgi_application

from accounts.models import User
from rooms.api import rates, upload_bodies
from rooms.api.upload_bodies import AROUND_BYTES
from tests.support.sessions import session_of

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 1_000


class Served:
    """An application that reads whole bodies, and one request to it."""

    def __init__(self, parts: Iterable[bytes], session: str = "", length: int | None = None) -> None:
        self.parts, self.read, self.sent = list(parts), 0, []
        headers = [(b"cookie", f"sessionid={session}".encode())] if session else []
        headers += [(b"content-length", str(length).encode())] if length is not None else []
        self.scope = {
            "type": "http", "method": "POST", "path": "/api/attachments", "headers": headers,
            "query_string": b"", "client": ("127.0.0.1", 1),
        }  # fmt: skip

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        while (event := await receive())["type"] != "http.disconnect":
            if not event.get("more_body"):
                await send({"type": "http.response.start", "status": 201, "headers": []})
                await send({"type": "http.response.body"})
                return

    async def receive(self) -> dict[str, Any]:
        if not self.parts:
            await asyncio.Event().wait()  # the client waits for its answer
        part = self.parts.pop(0)
        self.read += len(part)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts)}

    async def send(self, event: dict[str, Any]) -> None:
        self.sent.append(event)

    async def status(self) -> int:
        assert upload_bodies.is_upload(self.scope)
        await upload_bodies.serve(self.application, self.scope, self.receive, self.send)
        return int(self.sent[0]["status"])


@pytest.fixture(autouse=True)
def _limit(settings: Any) -> None:
    settings.CHAT_MAX_FILE_BYTES = LIMIT


@pytest.fixture
def session(make_user: Any) -> str:
    user: User = make_user("alice")
    return session_of(user)


async def test_an_upload_of_somebody_is_served(session: str) -> None:
    parts = [b"x" * LIMIT, b"y" * AROUND_BYTES]
    assert await Served(parts, session, LIMIT + AROUND_BYTES).status() == 201
    assert await Served(parts, session).status() == 201


@pytest.mark.parametrize("kind", ["nobody", "a wrong session"])
async def test_nothing_of_a_stranger_is_read(session: str, kind: str) -> None:
    served = Served([b"x"], "x" * 32 if kind != "nobody" else "", 1)
    assert (await served.status(), served.read) == (401, 0)


async def test_what_says_it_is_too_large_is_not_read(session: str) -> None:
    served = Served([b"x"], session, LIMIT + AROUND_BYTES + 1)
    assert (await served.status(), served.read) == (413, 0)


async def test_what_does_not_say_it_is_read_up_to_the_limit(session: str) -> None:
    served = Served([b"x" * 10_000] * 100, session)
    assert await served.status() == 413
    assert served.read <= LIMIT + AROUND_BYTES + 10_000


async def test_nothing_is_read_of_somebody_who_uploads_too_fast(session: str, settings: Any) -> None:
    """Else one account fills the folder for temporary files with bodies that are refused at their end."""
    settings.CHAT_RATE_UPLOADS = "1/min burst 1"
    first, second = Served([b"x"], session, 1), Served([b"x"], session, 1)
    assert await first.status() == 201
    assert first.scope[rates.COUNTED], "the view does not count it again"
    assert (await second.status(), second.read) == (429, 0)


async def test_an_upload_is_counted_once(session: str, settings: Any) -> None:
    settings.CHAT_RATE_UPLOADS = "1/min burst 2"
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ntext\r\n--x--\r\n'
    token = b"t" * 32
    answers = []
    for _ in range(3):
        served = Served([body], session, len(body))
        served.scope["headers"] = [
            (b"host", b"testserver"), (b"content-type", b"multipart/form-data; boundary=x"), (b"x-csrftoken", token),
            (b"cookie", f"sessionid={session}; csrftoken=".encode() + token), *served.scope["headers"][1:],
        ]  # fmt: skip
        served.application = get_asgi_application()
        answers.append(await served.status())
    assert answers == [201, 201, 429]


async def test_where_no_files_are_taken_none_is_read(session: str, settings: Any) -> None:
    settings.CHAT_MAX_FILE_BYTES = 0
    served = Served([b"x"], session, 1)
    assert (await served.status(), served.read) == (403, 0)


@pytest.mark.parametrize(
    ("method", "path", "is_one"),
    [
        ("POST", "/api/attachments", True),
        ("POST", "/api/attachments/", True),
        ("POST", "/mounted/api/attachments/", True),
        ("GET", "/api/attachments/", False),
        ("POST", "/other-api/attachments/", False),
        ("POST", "/api/rooms/attachments", False),
        ("POST", "/admin/", False),
    ],
)
def test_uploads_are_known_by_method_and_path(method: str, path: str, is_one: bool) -> None:
    assert upload_bodies.is_upload({"type": "http", "method": method, "path": path}) is is_one
