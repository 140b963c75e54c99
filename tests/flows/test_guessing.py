"""Guessing over real connections: several processes count together, and nobody else waits for the hashing."""

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.cookiejar import CookieJar
from typing import Any

import pytest

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess
from tests.support.services import Redis

LIMITS = {"CHAT_SIGN_IN_ACCOUNT_FAILURES": 3, "CHAT_SIGN_IN_ADDRESS_FAILURES": 5, "CHAT_SIGN_IN_DELAY_S": 60}
UNLIMITED = {"CHAT_SIGN_IN_ACCOUNT_FAILURES": 0, "CHAT_SIGN_IN_ADDRESS_FAILURES": 0, "CHAT_SIGN_IN_ADDRESS_ACCOUNTS": 0}
AT_ONCE = 40  # twice the connections of a process


def ask(server: ServerProcess, path: str, body: dict[str, str] | None = None, token: str = "") -> tuple[int, Any]:
    """Status and JSON of the answer to a GET, or to a POST of a body."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(server.url + path, data, headers)  # noqa: S310 - our own address
    try:
        with closing(urllib.request.urlopen(request, timeout=50)) as answer:  # noqa: S310 - the same
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def sign_in(server: ServerProcess, username: str, password: str) -> int:
    return ask(server, "/api/auth", {"username": username, "password": password})[0]


# --- Sockets ----------------------------------------------------------------------------------------------------------
async def _guess_tokens(server: ServerProcess, times: int) -> None:
    for _ in range(times):
        async with ChatClient.connect(server.ws_url) as client:
            await client.send("auth", token="wrong")
            assert await client.closed() == (1008, "Authentication failed")


async def _is_shut(server: ServerProcess, token: str) -> None:
    async with ChatClient.connect(server.ws_url) as client:
        await client.send("auth", id="1", token=token)
        assert await client.closed() == (4003, "Too many tries")
    refusal = client.log[-1]
    assert (refusal["type"], refusal["id"], refusal["code"]) == ("error", "1", "rate-limited")
    assert refusal["retryable"]
    assert 0 < refusal["retryAfterMs"] <= 60_001
    async with ChatClient.connect(server.ws_url, headers={"Authorization": f"Bearer {token}"}) as client:
        assert await client.closed() == (4003, "Too many tries")


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_after_too_many_wrong_tokens_no_socket_of_the_address_signs_in(
    make_server: Callable[..., ServerProcess], kind: str
) -> None:
    server = make_server(kind, **LIMITS)
    alice = server.person("alice")
    async with ChatClient.connect(server.ws_url, alice.token) as before:
        await _guess_tokens(server, 5)
        await _is_shut(server, alice.token)
        status, refusal = await asyncio.to_thread(ask, server, "/api/rooms", token=alice.token)
        assert (status, refusal["code"]) == (429, "rate-limited")
        assert (await before.call("auth", token=alice.token))["type"] == "auth-success"
        assert (await before.call("get-rooms"))["type"] == "rooms-list"
    assert server.tail().count("sign_in.failed") == 5


# --- Several processes ------------------------------------------------------------------------------------------------
@pytest.fixture
def pair(make_server: Callable[..., ServerProcess], postgres_url: str, redis: Redis) -> tuple[ServerProcess, ...]:
    return tuple(make_server("uvicorn", database_url=postgres_url, REDIS_URL=redis.url, **LIMITS) for _ in range(2))


async def test_processes_count_together_and_each_alone_while_redis_is_away(
    pair: tuple[ServerProcess, ...], redis: Redis
) -> None:
    here, there = pair
    alice, bob = here.person("alice"), here.person("bob")
    wrong = [await asyncio.to_thread(sign_in, server, "alice", "wrong") for server in (here, there, here)]
    assert wrong == [401, 401, 401]
    for server in pair:
        assert await asyncio.to_thread(sign_in, server, "alice", alice.password) == 429
    await _guess_tokens(here, 5)
    await _is_shut(there, bob.token)
    redis.kill()
    assert await asyncio.to_thread(sign_in, here, "bob", bob.password) == 200
    assert [await asyncio.to_thread(sign_in, here, "alice", "wrong") for _ in range(4)] == [401, 401, 401, 429]
    assert here.tail(1_000_000).count("guesses.in_memory") == 1


# --- Many at once -----------------------------------------------------------------------------------------------------
@pytest.fixture
def small(make_server: Callable[..., ServerProcess], postgres_url: str) -> ServerProcess:
    """A process with PostgreSQL that hashes one password at a time; who waits, waits longer than for a connection."""
    limits = {**UNLIMITED, "CHAT_PASSWORD_HASHES": 1, "CHAT_PASSWORD_WAIT_MS": 10_000}
    return make_server("uvicorn", database_url=postgres_url, **limits)


def by_rest(server: ServerProcess, number: int) -> int:
    return sign_in(server, f"alice-{number % 4}", "wrong")


def registering(server: ServerProcess, number: int) -> int:
    return ask(server, "/api/auth/register", {"username": f"new-{number}", "password": "a long enough one"})[0]


def by_form(path: str) -> Callable[[ServerProcess, int], int]:
    """Tries as a browser does, which gets its CSRF token first."""

    def send(server: ServerProcess, number: int) -> int:
        cookies = CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
        browser.open(server.url + path).close()
        [csrf] = [cookie.value or "" for cookie in cookies if cookie.name == "csrftoken"]
        fields = {"username": f"alice-{number % 4}", "password": "wrong", "csrfmiddlewaretoken": csrf}
        try:
            with browser.open(server.url + path, urllib.parse.urlencode(fields).encode()) as page:
                return int(page.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    return send


@pytest.mark.parametrize(
    ("attempt", "answer"),
    [
        pytest.param(by_rest, 401, id="rest"),
        pytest.param(registering, 201, id="registering"),
        pytest.param(by_form("/accounts/sign-in/"), 200, id="page"),
        pytest.param(by_form("/admin/login/"), 200, id="admin"),
    ],
)
async def test_others_are_served_while_many_sign_in_at_once(
    small: ServerProcess, attempt: Callable[[ServerProcess, int], int], answer: int
) -> None:
    people = [small.person(f"alice-{number}") for number in range(4)]
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        attempts = [loop.run_in_executor(threads, attempt, small, number) for number in range(AT_ONCE)]
        async with ChatClient.connect(small.ws_url, people[0].token) as client:
            await enter(client, "hall")
            rounds = await _talk_until(asyncio.gather(*attempts), small, client, people[1])
    answers = set(await asyncio.gather(*attempts))
    assert answer in answers
    assert answers <= {answer, 429}
    assert rounds > 1


async def _talk_until(
    done: "asyncio.Future[list[int]]", server: ServerProcess, client: ChatClient, person: Person
) -> int:
    """Posts and reads over a socket and over REST; each must be answered as always. How often that went."""
    rounds = 0
    while not done.done():
        assert (await client.call("chat-message", roomId="hall", content="hello"))["type"] == "ack"
        assert (await client.call("get-history", roomId="hall"))["type"] == "message-history"
        for path in ("/api/me", "/api/rooms/hall/messages"):
            status, _ = await asyncio.to_thread(ask, server, path, token=person.token)
            assert status == 200, path
        rounds += 1
    return rounds


async def test_who_gets_no_turn_at_hashing_is_asked_to_come_back(
    make_server: Callable[..., ServerProcess], postgres_url: str
) -> None:
    server = make_server(
        "uvicorn", database_url=postgres_url, **UNLIMITED, CHAT_PASSWORD_HASHES=1, CHAT_PASSWORD_WAIT_MS=1
    )
    alice = server.person("alice")
    body = {"username": "alice", "password": alice.password}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        loop = asyncio.get_running_loop()
        attempts = [loop.run_in_executor(threads, ask, server, "/api/auth", body) for _ in range(AT_ONCE)]
        answers = await asyncio.gather(*attempts)
    refusals = [answer for status, answer in answers if status != 200]
    assert {status for status, _ in answers} == {200, 429}
    assert {(answer["code"], answer["retryAfterMs"]) for answer in refusals} == {("rate-limited", 1)}
