"""The project's functions decide who joins, who posts, and what is stored; one that hangs or fails is bounded."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.host.conftest import Host
from tests.support.client import ChatClient


@pytest.fixture(scope="module")
def deciding(make_host: Callable[..., Host]) -> Host:
    return make_host(
        HOST_USERS="plain",
        HOST_CAN_JOIN="shop.hooks.not_quiet",
        HOST_CAN_POST="shop.hooks.not_ben",
        HOST_BEFORE_POST="shop.hooks.in_capitals",
    )


def calls(host: Host, hook: str, outcome: str) -> float:
    """How often the metrics have counted this."""
    _, text = host.anna.get("/ops/metrics?format=prometheus")
    name = f'chat_hook_calls_total{{hook="{hook}",outcome="{outcome}"}} '
    return sum(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name))


async def test_who_may_not_join_may_not_read(deciding: Host) -> None:
    async with ChatClient.connect(deciding.ws_url, deciding.anna.token) as anna:
        assert (await anna.call("join-room", roomId="loud"))["type"] == "room-joined"
        assert (await anna.call("join-room", roomId="quiet"))["code"] == "forbidden"
        assert (await anna.call("get-history", roomId="quiet"))["code"] == "forbidden"
    assert deciding.anna.rest("/talk/api/rooms/quiet/messages")[0] == 403


async def test_the_text_that_the_hook_returns_is_stored_in_order(deciding: Host) -> None:
    async with ChatClient.connect(deciding.ws_url, deciding.anna.token) as anna:
        await anna.call("join-room", roomId="loud")
        for number in range(10):
            await anna.send("chat-message", roomId="loud", content=f"hello {number}")
        got = [(await anna.expect("chat-message"))["content"] for _ in range(10)]
    assert got == [f"HELLO {number}" for number in range(10)]


async def test_every_entry_point_asks(deciding: Host) -> None:
    async with ChatClient.connect(deciding.ws_url, deciding.anna.token) as anna:
        await anna.call("join-room", roomId="doors")
        answer = await anna.call("chat-message", roomId="doors", content="Visit my casino")
        assert (answer["code"], answer["message"]) == ("forbidden", "No advertisements here")
        await asyncio.to_thread(rest_and_calls_ask, deciding, "/talk/api/rooms/doors/messages")
    assert calls(deciding, "before_post", "refused") >= 2


@pytest.mark.parametrize("hook", ["hang", "fail"])
@pytest.mark.parametrize("is_open", [False, True], ids=["closed", "open"])
async def test_a_hook_that_fails_or_hangs_holds_up_nobody_else(
    make_host: Callable[..., Host], hook: str, is_open: bool
) -> None:
    options: dict[str, Any] = {"HOST_HOOKS_FAIL_OPEN": "1"} if is_open else {}
    host = make_host(HOST_USERS="plain", HOST_CAN_POST=f"shop.hooks.{hook}", **options)
    async with (
        ChatClient.connect(host.ws_url, host.anna.token) as anna,
        ChatClient.connect(host.ws_url, host.ben.token) as ben,
    ):
        await anna.call("join-room", roomId="hall")
        await anna.send("chat-message", roomId="hall", content="hello", id="1")
        await ben.call("join-room", roomId="hall")  # while the hook of anna's message hangs
        answer = await anna.expect("ack" if is_open else "error", id="1")
        assert is_open or (answer["code"], answer["retryable"]) == ("unavailable", True)
    assert calls(host, "can_post", "late" if hook == "hang" else "failed") == 1


def rest_and_calls_ask(host: Host, path: str) -> None:
    refusal = {"error": "No advertisements here", "code": "forbidden"}
    assert host.anna.rest(path, {"content": "my casino"}) == (403, refusal)
    assert host.anna.rest(path, {"content": "hello"})[1]["content"] == "HELLO"
    assert host.ben.rest(path, {"content": "hello"})[0] == 403
    code = (
        "import rooms; from django.contrib.auth.models import User; ben = User.objects.get(username='ben')\n"
        "try: rooms.post_message('doors', ben, 'hello')\n"
        "except rooms.Refused as error: print(error.code)"
    )
    assert host.run(code) == "forbidden"
