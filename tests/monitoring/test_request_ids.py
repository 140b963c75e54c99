"""The id of a request: taken when it is sane, else made; in the answer and in the log lines of that request alone."""

import asyncio
from typing import Any

import pytest
from django.template.loader import render_to_string
from structlog.contextvars import bound_contextvars, get_contextvars

from monitoring.request_ids import request_id, unbound, with_request_ids
from rooms import database

ACCEPTED = ["a", "7f3c-02.b_X", "x" * 64]
REFUSED = ["", "x" * 65, "a b", "a\nb", "ü", "<b>", "a;b", '"']


def scope(kind: str = "http", *given: str) -> dict[str, Any]:
    return {"type": kind, "path": "/somewhere", "headers": [(b"x-request-id", value.encode()) for value in given]}


async def answered(kind: str = "http", *given: str, start: str = "http.response.start") -> tuple[str, dict[str, Any]]:
    """The id that the application saw in its logs, and the start of its answer."""
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(get_contextvars().get("request", ""))
        await send({"type": start, "status": 500, "headers": [(b"x", b"y")]})

    async def send(message: Any) -> None:
        seen.append(message)

    await with_request_ids(application)(scope(kind, *given), None, send)
    assert "request" not in get_contextvars(), "it ends with the request"
    return seen[0], seen[1]


@pytest.mark.parametrize("given", ACCEPTED)
async def test_a_sane_id_is_taken(given: str) -> None:
    logged, start = await answered("http", given)
    assert logged == given
    assert start["headers"] == [(b"x", b"y"), (b"x-request-id", given.encode())]


@pytest.mark.parametrize("given", REFUSED)
async def test_any_other_is_replaced(given: str) -> None:
    logged, start = await answered("http", given)
    assert logged != given
    assert len(logged) == 32
    assert start["headers"][1:] == [(b"x-request-id", logged.encode())]


async def test_each_request_without_one_gets_another() -> None:
    assert (await answered())[0] != (await answered())[0]


async def test_a_handshake_has_one_id_for_all_who_ask_and_its_frames_pass_untouched() -> None:
    ids = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        ids.extend([request_id(scope), request_id(scope), send])

    await with_request_ids(application)(scope("websocket", "not sane"), None, print)
    assert ids[0] == ids[1] != "not sane"
    assert ids[2] is print


async def _failing(*sent_before: dict[str, Any]) -> list[dict[str, Any]]:
    """What is sent when the application fails after it has sent this."""
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for message in sent_before:
            await send(message)
        raise ZeroDivisionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await with_request_ids(application)(scope("http", "7f3c"), None, send)
    return sent


async def test_a_failure_that_nobody_has_answered_is_answered_with_the_id_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    start, body = await _failing()
    assert (start["status"], start["headers"][1:]) == (500, [(b"x-request-id", b"7f3c")])
    assert body["body"] == b"Internal Server Error\nRequest 7f3c\n"
    [record] = caplog.records
    assert record.msg["request"] == "7f3c"


async def test_a_failure_within_an_answer_is_left_to_the_server() -> None:
    with pytest.raises(ZeroDivisionError):
        await _failing({"type": "http.response.start", "status": 200})


# --- Where it is bound ------------------------------------------------------------------------------------------------
async def test_threads_that_work_for_a_request_log_its_id() -> None:
    with bound_contextvars(request="one"):
        assert await database.call(get_contextvars) == {"request": "one"}
    assert await database.call(get_contextvars) == {}


async def test_work_that_many_share_names_none_of_them() -> None:
    shared = database.Shared()
    with bound_contextvars(request="one", connection="two"):
        assert await shared.call("key", get_contextvars) == {}
        assert await asyncio.create_task(_bound(), context=unbound()) == {}
        assert get_contextvars() == {"request": "one", "connection": "two"}


async def _bound() -> dict[str, Any]:
    return get_contextvars()


# --- Where it is shown ------------------------------------------------------------------------------------------------
def test_the_page_of_an_error_names_the_request() -> None:
    with bound_contextvars(request="7f3c"):
        assert "<code>7f3c</code>" in render_to_string("500.html")
    assert "<code>" not in render_to_string("500.html")
