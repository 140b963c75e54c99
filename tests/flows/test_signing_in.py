"""Who may speak in whose name: by cookie, by header, by frame; and for how long."""

import asyncio
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from time import time
from typing import Any

import jwt
import pytest
from django.conf import settings
from websockets.exceptions import InvalidStatus

from chatsite import environment
from rooms.conf import conf
from tests.flows.frames import user
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess

WITHIN = 1.0  # seconds in which a change of rights reaches an open socket


# --- By the browser's cookie ------------------------------------------------------------------------------------------
def _session(server: ServerProcess, person: Person) -> dict[str, str]:
    """The header by which a browser shows that this person has signed in on our page."""

    def sign_in() -> str:
        from django.test import Client

        from accounts.models import User

        client = Client()
        client.force_login(User.objects.get(pk=person.id))
        return client.cookies["sessionid"].value

    return {"Cookie": f"sessionid={server.database.run(sign_in)}"}


async def test_the_page_is_signed_in_unasked(server: ServerProcess, alice: Person) -> None:
    async with ChatClient.connect(server.ws_url, headers=_session(server, alice), origin=server.url) as client:
        await client.expect("auth-success", user={**user(alice), "roles": ["user"]})
        await client.call("get-rooms")
    assert [frame["type"] for frame in client.log] == ["welcome", "auth-success", "rooms-list"]


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://127.0.0.1:1",
        "http://localhost:{port}",
        "ws://127.0.0.1:{port}",
        "http://127.0.0.1.evil.example:{port}",
        "http://evil.example/http://127.0.0.1:{port}",
        "http://evil@127.0.0.1:{port}",
    ],
)
async def test_a_cookie_on_another_page_is_refused(server: ServerProcess, alice: Person, origin: str) -> None:
    origin = origin.format(port=server.port)
    assert await _status(server, headers=_session(server, alice), origin=origin) == 403
    async with ChatClient.connect(server.ws_url, origin=origin) as guest:  # without a cookie any page may
        assert (await guest.call("get-rooms"))["code"] == "auth-required"
    bearer = {"Authorization": f"Bearer {alice.token}"}  # which no page can send
    async with ChatClient.connect(server.ws_url, headers=_session(server, alice) | bearer, origin=origin) as program:
        await program.expect("auth-success")


async def _status(server: ServerProcess, **handshake: Any) -> int:
    """How a handshake is refused."""
    with pytest.raises(InvalidStatus) as refusal:
        async with ChatClient.connect(server.ws_url, **handshake):
            pass
    return refusal.value.response.status_code


async def test_a_handshake_for_another_host_is_refused(uvicorn_server: ServerProcess) -> None:
    """daphne's answer is 403."""
    for host, status in (("localhost", 101), ("elsewhere.example", 400), ("localhost.evil.example:8000", 400)):
        assert (host, await _answered(uvicorn_server, host)) == (host, status)


async def _answered(server: ServerProcess, host: str) -> int:
    """The status of a handshake with this `Host`, which websockets does not let one choose."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    fixed = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    writer.write(f"GET /ws HTTP/1.1\r\nHost: {host}\r\n{fixed}\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    await writer.wait_closed()
    return status


async def test_a_program_without_an_origin_cannot_use_the_cookie(server: ServerProcess, alice: Person) -> None:
    async with ChatClient.connect(server.ws_url, headers=_session(server, alice)) as client:
        assert (await client.call("get-rooms"))["code"] == "auth-required"
        await client.call("auth", token=alice.token)
        await client.call("get-rooms")
    assert [frame["type"] for frame in client.log] == ["welcome", "error", "auth-success", "rooms-list"]


async def test_an_origin_that_is_none_cannot_use_the_cookie(uvicorn_server: ServerProcess) -> None:
    cookie = _session(uvicorn_server, uvicorn_server.person("alice-of-no-origin"))  # daphne itself answers it with 400
    assert await _status(uvicorn_server, headers=cookie, origin="http://[") == 403


async def test_behind_tls_the_cookie_is_good_on_https_pages_and_named_ones_only(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server("uvicorn", CHAT_HTTPS=1, CHAT_ALLOWED_ORIGINS="https://app.example")
    cookie = _session(server, server.person("alice"))
    origins = {
        f"https://127.0.0.1:{server.port}": True,
        f"http://127.0.0.1:{server.port}": False,
        "https://app.example": True,
        "http://app.example": False,
        "https://app.example:8443": False,
    }
    for origin, good in origins.items():
        if not good:
            assert (origin, await _status(server, headers=cookie, origin=origin)) == (origin, 403)
            continue
        async with ChatClient.connect(server.ws_url, headers=cookie, origin=origin) as client:
            assert (await client.call("get-rooms"))["type"] == "rooms-list"


@pytest.mark.parametrize(
    "cookie", ["sessionid=", "sessionid=nobody", "sessionid=../../x", "sessionid=\x80; ;=", "a b=,"]
)
async def test_a_cookie_of_nobody_signs_nobody_in(server: ServerProcess, cookie: str) -> None:
    async with ChatClient.connect(server.ws_url, headers={"Cookie": cookie}, origin=server.url) as client:
        assert (await client.call("get-rooms"))["code"] == "auth-required"


async def test_an_open_socket_ends_with_its_session_and_not_before(server: ServerProcess, alice: Person) -> None:
    cookie = _session(server, alice)
    server.database.run(_end_session, cookie, 0.5)
    async with ChatClient.connect(server.ws_url, headers=cookie, origin=server.url) as client:
        await client.expect("auth-success")
        server.database.run(_end_session, cookie, 1.5)  # put off, as every request does with SESSION_SAVE_EVERY_REQUEST
        await client.call("get-rooms")
        start = time()
        assert await client.closed() == (4101, "Signed out")
        assert time() - start > 0.8, "not at the end that was put off"
        assert not [frame for frame in client.log if frame["type"] == "auth-expiring"]


def _end_session(cookie: dict[str, str], seconds: float) -> None:
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    key = cookie["Cookie"].partition("=")[2]
    Session.objects.filter(pk=key).update(expire_date=timezone.now() + timedelta(seconds=seconds))


@pytest.mark.parametrize("other", ["theme=dark mode", "flag", 'prefs={"a": [1, 2]}', "name=Jürgen", "a,b=c; =; =x"])
async def test_another_cookie_does_not_sign_the_page_out(server: ServerProcess, alice: Person, other: str) -> None:
    ours = _session(server, alice)["Cookie"]
    for cookie in (f"{other}; {ours}", f"{ours}; {other}"):
        async with ChatClient.connect(server.ws_url, headers={"Cookie": cookie}, origin=server.url) as client:
            await client.expect("auth-success", user={**user(alice), "roles": ["user"]})


# --- By header --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_a_program_signs_in_by_header(server: ServerProcess, alice: Person, scheme: str) -> None:
    async with ChatClient.connect(server.ws_url, headers={"Authorization": f"{scheme} {alice.token}"}) as client:
        await client.expect("auth-success", user={**user(alice), "roles": ["user"]})
    assert [frame["type"] for frame in client.log] == ["welcome", "auth-success"]


async def test_a_bad_token_in_the_header_is_told_and_closed(server: ServerProcess) -> None:
    async with ChatClient.connect(server.ws_url, headers={"Authorization": "Bearer nonsense"}) as client:
        assert await client.closed() == (1008, "Authentication failed")
    assert [frame["type"] for frame in client.log] == ["welcome", "auth-failed"]


async def test_another_scheme_is_left_alone(server: ServerProcess, alice: Person) -> None:
    async with ChatClient.connect(server.ws_url, alice.token, headers={"Authorization": "Basic YTpi"}) as client:
        await client.call("get-rooms")


# --- For how long -----------------------------------------------------------------------------------------------------
def _post(server: ServerProcess, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    headers |= {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}{path}", json.dumps(body).encode(), headers)  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - ours
        return json.loads(answer.read() or "{}")


async def test_signing_out_closes_the_sockets_of_that_sign_in_alone(server: ServerProcess, alice: Person) -> None:
    credentials = {"username": alice.username, "password": alice.password}
    phone, laptop = [await asyncio.to_thread(_post, server, "/api/auth", credentials) for _ in range(2)]
    async with (
        ChatClient.connect(server.ws_url, phone["token"]) as first,
        ChatClient.connect(server.ws_url, laptop["token"]) as second,
    ):
        await asyncio.to_thread(_post, server, "/api/auth/logout", {"refresh": phone["refresh"]})
        assert await first.closed(WITHIN) == (4101, "Signed out")
        await second.call("get-rooms")


async def test_signing_out_on_the_page_closes_its_sockets(server: ServerProcess, alice: Person) -> None:
    cookie = _session(server, alice)
    async with (
        ChatClient.connect(server.ws_url, headers=cookie, origin=server.url) as page,
        ChatClient.connect(server.ws_url, alice.token) as program,
    ):
        await page.expect("auth-success")
        csrf = "x" * 32
        headers = {"Cookie": f"{cookie['Cookie']}; csrftoken={csrf}", "X-CSRFToken": csrf}
        await asyncio.to_thread(_post, server, "/api/auth/logout", {}, **headers)
        assert await page.closed(WITHIN) == (4101, "Signed out")
        await program.call("get-rooms")


@pytest.mark.parametrize(
    ("change", "close"),
    [
        ("deactivated", (4102, "Banned")),
        ("signed out everywhere", (4101, "Signed out")),
        ("new password", (4101, "Signed out")),
        ("deleted", (4101, "Signed out")),
    ],
)
async def test_what_another_process_changes_closes_sockets(
    by_redis: tuple[ServerProcess, Callable[..., None]], change: str, close: tuple[int, str]
) -> None:
    server, elsewhere = by_redis
    person, other = server.person(f"alice {change}".replace(" ", "-")), server.person(f"bob {change}".replace(" ", "-"))
    cookie = _session(server, person)
    async with (
        ChatClient.connect(server.ws_url, person.token) as program,
        ChatClient.connect(server.ws_url, headers=cookie, origin=server.url) as page,
        ChatClient.connect(server.ws_url, other.token) as untouched,
    ):
        await page.expect("auth-success")
        await asyncio.to_thread(elsewhere, change, person)
        for client in (program, page):
            assert await client.closed(WITHIN) == close
        await untouched.call("get-rooms")
    async with ChatClient.connect(server.ws_url) as again:
        await again.send("auth", token=person.token)
        assert await again.closed() == (1008, "Authentication failed")


async def test_new_roles_reach_an_open_socket(by_redis: tuple[ServerProcess, Callable[..., None]]) -> None:
    server, elsewhere = by_redis
    person = server.person("promoted")
    async with ChatClient.connect(server.ws_url, person.token) as client:
        assert (await client.call("admin-broadcast", content="x"))["code"] == "forbidden"
        await asyncio.to_thread(elsewhere, "admin", person)
        async with asyncio.timeout(WITHIN):
            while (await client.call("admin-broadcast", content="x"))["type"] != "ack":
                pass
        await asyncio.to_thread(elsewhere, "no admin", person)
        async with asyncio.timeout(WITHIN):
            while (await client.call("admin-broadcast", content="x"))["type"] == "ack":
                pass


@pytest.fixture
def by_redis(_start: Callable[..., ServerProcess], redis: Any) -> tuple[ServerProcess, Callable[..., None]]:
    """A server with Redis, and a way to change a user as another process does, that knows the server by Redis only."""
    server = _start("uvicorn", REDIS_URL=redis.url)
    layers = {"default": environment.channel_layer(redis.url, conf.CHAT_REDIS_PREFIX)}

    def elsewhere(change: str, person: Person) -> None:
        server.database.run(_change, change, person.id, layers)

    return server, elsewhere


def _change(change: str, user_id: int, layers: dict[str, Any]) -> None:
    from django.test import override_settings

    from accounts import services
    from accounts.models import User

    with override_settings(CHANNEL_LAYERS=layers):
        person = User.objects.get(pk=user_id)
        if change == "signed out everywhere":
            services.sign_out_everywhere(user_ids=[user_id])
        elif change == "deleted":
            person.delete()
        else:
            if change == "deactivated":
                person.is_active = False
            elif change == "new password":
                person.set_password("quite another one")
            else:
                person.is_superuser = change == "admin"
            person.save()


async def test_a_forgotten_password_ends_open_sockets_and_tokens_when_it_is_replaced(
    server: ServerProcess, alice: Person
) -> None:
    path = await asyncio.to_thread(server.database.run, _reset_link, alice.id)
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await client.call("get-rooms")
        await asyncio.to_thread(_choose_password, server, path)
        assert await client.closed() == (4101, "Signed out")
    async with ChatClient.connect(server.ws_url) as again:
        await again.send("auth", token=alice.token)
        assert await again.closed() == (1008, "Authentication failed")


def _reset_link(user_id: int) -> str:
    """The path that a mail about a forgotten password carries."""
    from django.contrib.auth.tokens import default_token_generator
    from django.urls import reverse
    from django.utils.http import urlsafe_base64_encode

    from accounts.models import User

    person = User.objects.get(pk=user_id)
    parts = (urlsafe_base64_encode(str(user_id).encode()), default_token_generator.make_token(person))
    return reverse("chat_accounts:new-password", args=parts)


def _choose_password(server: ServerProcess, path: str) -> None:
    """Follows the link and sends the form, as a browser does."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(server.url + path) as page:
        csrf, *_ = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
        address = page.url
    fields = {"csrfmiddlewaretoken": csrf, "new_password1": "quite another one", "new_password2": "quite another one"}
    with browser.open(address, urllib.parse.urlencode(fields).encode()) as page:
        assert page.url.endswith("/accounts/password/changed/")


async def test_a_token_that_expires_is_announced_and_ends_the_socket(server: ServerProcess, alice: Person) -> None:
    async with ChatClient.connect(server.ws_url, _ending(alice, in_s=2)) as client:
        warning = await client.expect("auth-expiring")
        assert 0 < warning["inMs"] <= 2000
        assert warning.keys() == {"type", "inMs"}
        await client.call("get-rooms")
        assert await client.closed() == (4100, "Token expired")


async def test_a_token_that_ended_within_the_leeway_signs_in_and_ends_at_once(
    server: ServerProcess, alice: Person
) -> None:
    async with ChatClient.connect(server.ws_url, _ending(alice, in_s=-5)) as client:
        assert await client.closed() == (4100, "Token expired")


async def test_a_new_token_in_time_keeps_the_socket(server: ServerProcess, alice: Person) -> None:
    ending, lasting = _ending(alice, in_s=2), alice.token
    async with (
        ChatClient.connect(server.ws_url, ending) as ends,
        ChatClient.connect(server.ws_url, ending) as stays,
    ):
        await stays.expect("auth-expiring")
        await stays.call("auth", token=lasting)
        await ends.closed()
        await stays.call("get-rooms")


def _ending(person: Person, *, in_s: int) -> str:
    claims = jwt.decode(person.token, options={"verify_signature": False}) | {"exp": int(time() + in_s)}
    return jwt.encode(claims, settings.JWT_SECRET, algorithm="HS256")
