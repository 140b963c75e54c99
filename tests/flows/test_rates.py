"""Rates over real sockets: one person's limit is one, whatever they send by and to whichever process."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.flows.frames import enter
from tests.support.client import WITHIN, ChatClient, Frame
from tests.support.servers import Person, ServerProcess

Make = Callable[..., ServerProcess]


async def answers(client: ChatClient, count: int, prefix: str = "", room: str = "hall") -> list[Frame]:
    """Sends messages without waiting; their answers."""
    for number in range(count):
        await client.send("chat-message", id=f"{prefix}{number}", roomId=room, content="hi")
    return [await client._take({"id": f"{prefix}{number}"}, WITHIN) for number in range(count)]


async def _rest(server: ServerProcess, person: Person, path: str, body: Any = None) -> tuple[int, Any, Any]:
    def ask() -> tuple[int, Any, Any]:
        headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{server.url}/api{path}", data, headers)  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own address
                return answer.status, json.loads(answer.read()), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read()), error.headers

    return await asyncio.to_thread(ask)


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_message_too_many_can_be_sent_again_when_it_was_said(make_server: Make, kind: str) -> None:
    server = make_server(kind, CHAT_RATE_ROOM_MESSAGES="2/s burst 3")
    async with ChatClient.connect(server.ws_url, server.person("alice").token) as client:
        await enter(client, "hall")
        found = await answers(client, 5)
        assert [frame["type"] for frame in found] == ["ack"] * 3 + ["error"] * 2
        [refusal, _] = found[3:]
        assert (refusal["code"], refusal["bucket"]) == ("rate-limited", "room-messages")
        assert 0 < refusal["retryAfterMs"] <= 500
        assert await _first_stored(client) == 4


async def test_socket_and_rest_share_a_persons_buckets(make_server: Make) -> None:
    server = make_server("uvicorn", CHAT_RATE_MESSAGES="1/min burst 2", CHAT_RATE_READS="1/min burst 1")
    alice = server.person("alice")
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, "hall")
        assert (await answers(client, 1))[0]["type"] == "ack"
        status, _, _ = await _rest(server, alice, "/rooms/hall/messages", {"content": "by REST"})
        assert status == 201
        [refusal] = await answers(client, 1)
        assert refusal["bucket"] == "messages"
        status, answer, headers = await _rest(server, alice, "/rooms/hall/messages", {"content": "by REST"})
        assert (status, answer["code"], answer["bucket"]) == (429, "rate-limited", "messages")
        assert int(headers["Retry-After"]) == -(-answer["retryAfterMs"] // 1000)
        status, _, _ = await _rest(server, alice, "/rooms/hall/messages")
        assert status == 200
        assert (await client.call("get-history", roomId="hall"))["bucket"] == "reads"


async def test_a_person_on_two_processes_has_one_limit(make_server: Make, postgres_url: str, redis: Any) -> None:
    """Both post as fast as they are answered; together no more is stored than the rate, the burst and what was unheard
    of: (n - 1) x (burst + rate x 0.3 s).
    """
    settings = {"database_url": postgres_url, "REDIS_URL": redis.url, "CHAT_RATE_MESSAGES": "4/s burst 8"}
    here, there = (make_server("uvicorn", **settings) for _ in range(2))
    alice = here.person("alice")
    async with (
        ChatClient.connect(here.ws_url, alice.token) as one,
        ChatClient.connect(there.ws_url, alice.token) as two,
    ):
        await enter(one, "hall")
        await enter(two, "hall")
        start = time.monotonic()
        stored = sum(await asyncio.gather(_flood(one, start + 4), _flood(two, start + 4)))
        took_s = time.monotonic() - start
    allowed = 8 + 4 * took_s
    assert stored <= allowed + 8 + 4 * 0.3 + 4, "the last summand for what the exchange itself takes"
    assert stored >= allowed / 2, "and neither is locked out"


async def _first_stored(client: ChatClient) -> int:
    """Sends until a message is stored."""
    while (answer := await client.call("chat-message", roomId="hall", content="hi"))["type"] != "ack":
        assert answer["code"] == "rate-limited"
    return int(answer["seq"])


async def _flood(client: ChatClient, end: float) -> int:
    stored = 0
    while time.monotonic() < end:
        answer = await client.call("chat-message", roomId="hall", content="hi")
        stored += answer["type"] == "ack"
    return stored


async def test_without_redis_each_process_goes_on_with_its_own_limit(
    make_server: Make, postgres_url: str, redis: Any
) -> None:
    settings = {"database_url": postgres_url, "REDIS_URL": redis.url, "CHAT_RATE_MESSAGES": "1/min burst 3"}
    here, there = (make_server("uvicorn", **settings) for _ in range(2))
    alice = here.person("alice")
    async with (
        ChatClient.connect(here.ws_url, alice.token) as one,
        ChatClient.connect(there.ws_url, alice.token) as two,
    ):
        await enter(one, "hall")
        await enter(two, "hall")
        redis.kill()
        for client in (one, two):
            found = await answers(client, 5)
            assert [frame["type"] for frame in found] == ["ack"] * 3 + ["error"] * 2


async def test_a_person_has_20_sockets_over_all_processes(make_server: Make, postgres_url: str, redis: Any) -> None:
    settings = {"database_url": postgres_url, "REDIS_URL": redis.url, "CHAT_MAX_CONNECTIONS_PER_USER": 2}
    here, there = (make_server("uvicorn", **settings) for _ in range(2))
    alice = here.person("alice")
    async with (
        ChatClient.connect(here.ws_url, alice.token) as one,
        ChatClient.connect(there.ws_url, alice.token),
        ChatClient.connect(there.ws_url) as third,
    ):
        await third.expect("welcome")
        await third.send("auth", id="1", token=alice.token)
        assert (await third.expect("error", id="1"))["code"] == "forbidden"
        assert await third.closed() == (4105, "Too many connections")
        assert (await one.call("ping"))["type"] == "pong"


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_who_floods_is_disconnected_and_nobody_else_notices(make_server: Make, kind: str) -> None:
    server = make_server(kind, CHAT_RATE_FRAMES="10/s burst 20", CHAT_RATE_VIOLATIONS="10/min burst 10")
    async with (
        ChatClient.connect(server.ws_url, server.person("bob").token) as bob,
        ChatClient.connect(server.ws_url, server.person("alice").token) as alice,
    ):
        for _ in range(100):
            await alice.send_text("no frame at all")
        assert await alice.closed() == (4104, "Too many violations")
        assert (await bob.call("ping"))["type"] == "pong"


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_guest_is_closed_in_time(make_server: Make, kind: str) -> None:
    server = make_server(kind, CHAT_SIGN_IN_S=1)
    async with (
        ChatClient.connect(server.ws_url, server.person("alice").token) as alice,
        ChatClient.connect(server.ws_url) as guest,
    ):
        await guest.call("ping")
        assert await guest.closed() == (1008, "Not signed in in time")
        assert (await alice.call("ping"))["type"] == "pong"


async def test_behind_a_proxy_the_address_is_the_clients(make_server: Make) -> None:
    server = make_server("uvicorn", CHAT_MAX_CONNECTIONS_PER_ADDRESS=1)

    def connect(address: str) -> Any:
        return ChatClient.connect(server.ws_url, headers={"X-Forwarded-For": address})

    async with (
        connect("2001:db8:1:2::1") as first,
        connect("2001:db8:1:3::1") as other,
        connect("2001:db8:1:2::2") as third,
    ):
        await first.expect("welcome")
        await other.expect("welcome")
        assert await third.closed() == (4105, "Too many connections")


async def test_a_restart_sends_nobody_into_the_pause(make_server: Make, postgres_url: str, redis: Any) -> None:
    settings = {
        "database_url": postgres_url, "REDIS_URL": redis.url, "CHAT_RATE_CONNECTS": "1/h burst 1",
        "CHAT_RATE_ADDRESS_CONNECTS": "1/h burst 1", "CHAT_DRAIN_S": 0,
    }  # fmt: skip
    here, there = (make_server("uvicorn", **settings) for _ in range(2))
    alice = here.person("alice")
    for _ in range(3):
        async with ChatClient.connect(here.ws_url, alice.token) as client:
            here.terminate()
            assert await client.closed() == (1001, "Server shutdown")
        here.start()
    async with ChatClient.connect(there.ws_url, alice.token) as client:
        assert (await client.call("ping"))["type"] == "pong"
