"""Nobody fills the disk with the body of a request that Django would refuse at its end."""

from typing import Any

import pytest

from chatsite.bodies import with_bounded_bodies

LIMIT = 1_000


class Request:
    """A request, and an application that reads its whole body."""

    def __init__(self, parts: list[bytes], length: int | None = None, method: str = "PUT") -> None:
        self.parts, self.read, self.sent = parts, 0, []
        headers = [] if length is None else [(b"content-length", str(length).encode())]
        self.scope = {"type": "http", "method": method, "path": "/api/attachments/", "headers": headers}

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        while (event := await receive())["type"] != "http.disconnect":
            if not event["more_body"]:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                return

    async def receive(self) -> dict[str, Any]:
        part = self.parts.pop(0)
        self.read += len(part)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts)}

    async def send(self, event: dict[str, Any]) -> None:
        self.sent.append(event)

    async def status(self) -> int:
        await with_bounded_bodies(self.application)(self.scope, self.receive, self.send)
        assert [event["type"] for event in self.sent].count("http.response.start") == 1
        return int(self.sent[0]["status"])


@pytest.fixture(autouse=True)
def _limit(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = LIMIT


async def test_what_django_takes_is_served() -> None:
    assert await Request([b"x" * LIMIT], LIMIT).status() == 200
    assert await Request([b"x" * 500, b"x" * 500]).status() == 200


async def test_what_says_it_is_larger_is_not_read() -> None:
    request = Request([b"x"], LIMIT + 1)
    assert (await request.status(), request.read) == (413, 0)


async def test_what_does_not_say_it_is_read_up_to_the_limit() -> None:
    request = Request([b"x" * 400] * 100)
    assert (await request.status(), request.read) == (413, 1_200)


async def test_uploads_have_a_limit_of_their_own() -> None:
    assert await Request([b"x" * 400] * 100, method="POST").status() == 200


async def test_without_djangos_limit_there_is_none(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    assert await Request([b"x" * 400] * 100).status() == 200
