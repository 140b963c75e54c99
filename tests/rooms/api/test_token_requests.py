"""Posting and reading messages with a token: the same answers as with a session, past Django's request handling."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
import pytest
import time_machine
from django.db import OperationalError
from django.test import AsyncClient
from django.utils import timezone

from accounts import tokens
from accounts.models import User
from chatsite import asgi
from rooms.api import token_requests
from rooms.live import node
from rooms.models import Membership, Message, Room
from rooms.services import posting
from rooms.services.moderation import mute
from rooms.services.room_settings import set_closed
from rooms.sockets import session
from tests.support.factories import make_message, make_room, make_user
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)
LOBBY = "/api/rooms/lobby/messages"
QUERIES = ["", "limit=2", "limit=2&before=4", "after=2", "after=1&before=4", "limit=1&limit=2", "else=%E4%B8%AD%ff"]
QUERIES += ["limit=0", "before=x", "after=", "limit", "=", "limit=%31"]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """Of a refusal, which has a text too."""
        assert self.body["error"]
        return str(self.body["code"])


class Caller:
    """A program that calls the ASGI application with a token, as a server would hand its requests on."""

    def __init__(self, token: str) -> None:
        self.token = token

    async def get(self, path: str = LOBBY, query: str = "", **options: Any) -> Answer:
        return await self.request("GET", path, query=query, **options)

    async def post(self, body: Any = b"", path: str = LOBBY, **options: Any) -> Answer:
        chunks = [body if isinstance(body, bytes) else msgspec.json.encode(body)]
        return await self.request("POST", path, **{"chunks": chunks, **options})

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        chunks: Iterable[bytes] = (b"",),
    ) -> Answer:
        sent = await self.sent(self.scope(method, path, query=query, headers=headers), chunks)
        start, *parts = sent
        assert [message["type"] for message in sent] == ["http.response.start", *["http.response.body"] * len(parts)]
        found = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        body = b"".join(part["body"] for part in parts)
        assert found.get("content-length") == str(len(body))
        return Answer(start["status"], found, msgspec.json.decode(body))

    def scope(
        self, method: str, path: str, *, query: str = "", headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        sent = {
            "host": "localhost",
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            **(headers or {}),
        }
        return {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("192.0.2.7", 1),
            "server": ("localhost", 80),
        }

    async def sent(self, scope: dict[str, Any], chunks: Iterable[bytes], *, disconnect: bool = False) -> list[Any]:
        """What the application sends for a request whose body comes in these chunks, or is cut off after them."""
        parts = list(chunks)
        events = [
            {"type": "http.request", "body": part, "more_body": disconnect or number < len(parts)}
            for number, part in enumerate(parts, start=1)
        ]
        waiting = iter([*events, *([{"type": "http.disconnect"}] if disconnect else [])])
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            event = next(waiting, None)
            return event if event is not None else await asyncio.Future()

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        await asgi.http(scope, receive, send)
        return sent


@pytest.fixture
def token(alice: User) -> str:
    return tokens.issue_access(user_id=alice.pk, username="alice", roles=(), stamp=alice.stamp())


@pytest.fixture
async def alices(token: str, room: Room) -> AsyncIterator[Caller]:
    """Calls as alice; the node it needs is stopped afterwards."""
    yield Caller(token)
    await node.stop()


async def in_thread(function: Callable[..., Any], *args: Any, **fields: Any) -> Any:
    """Django's ORM, from an async test."""
    from rooms import database

    return await database.call(function, *args, **fields)


# --- Which requests are served here -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path", "authorization", "served"),
    [
        ("GET", LOBBY, "Bearer x", True),
        ("POST", LOBBY, "bearer x", True),
        ("POST", LOBBY + "/", "Bearer x", True),
        ("POST", "/api/rooms/聊天室/messages", "Bearer x", True),
        ("POST", LOBBY, "Basic x", False),
        ("POST", LOBBY, "Bearer", False),
        ("POST", LOBBY, "", False),
        ("PUT", LOBBY, "Bearer x", False),
        ("OPTIONS", LOBBY, "Bearer x", False),
        ("HEAD", LOBBY, "Bearer x", False),
        ("GET", "/api/rooms/lobby", "Bearer x", False),
        ("GET", "/api/rooms//messages", "Bearer x", False),
        ("GET", "/api/rooms/a/b/messages", "Bearer x", False),
        ("GET", LOBBY + "//", "Bearer x", False),
        ("GET", "/x" + LOBBY, "Bearer x", False),
    ],
)
def test_messages_with_a_token_are_served_here_and_nothing_else(
    method: str, path: str, authorization: str, served: bool
) -> None:
    scope = Caller("").scope(method, path, headers={"authorization": authorization})
    assert token_requests.serves(scope) is served


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_any_other_method_is_answered_by_the_view(alices: Caller, method: str) -> None:
    answer = await alices.request(method, LOBBY)
    assert (answer.status, answer.code) == (405, "method-not-allowed")
    assert "POST" in answer.headers["allow"]


# --- Posting ----------------------------------------------------------------------------------------------------------
async def test_a_posted_message_is_stored_before_it_is_answered(alices: Caller, alice: User) -> None:
    answer = await alices.post({"content": "Hello", "clientId": "a1"})
    assert (answer.status, answer.headers["content-type"]) == (201, "application/json")
    assert (answer.body["type"], answer.body["roomId"], answer.body["seq"]) == ("chat-message", "lobby", 1)
    assert answer.body["user"] == {"id": str(alice.pk), "username": "alice"}
    stored = await in_thread(Message.objects.get)
    assert (stored.content, str(stored.pk), stored.client_id) == ("Hello", answer.body["messageId"], "a1")


async def test_a_posted_message_is_answered_as_by_the_view(alices: Caller, alice: User) -> None:
    """Of the same clientId: the message that one has stored, the other finds."""
    browser = AsyncClient()
    await browser.aforce_login(alice)
    bodies = [
        {"content": "Hello", "clientId": "a1"},
        {"content": "Hello?", "clientId": "a1"},
        {"content": ""},
        {"content": "x" * 4001},
        {"content": 1},
        {},
        [],
    ]
    for body in bodies:
        await alices.post(body)
        answer = await alices.post(body)
        view = await browser.post(LOBBY, body, content_type="application/json")
        assert (answer.status, answer.body) == (view.status_code, view.json())


async def test_a_page_is_answered_as_by_the_view(alices: Caller, alice: User, room: Room) -> None:
    for _ in range(5):
        await in_thread(make_message, room, alice)
    browser = AsyncClient()
    await browser.aforce_login(alice)
    for query in QUERIES:
        answer = await alices.get(query=query)
        view = await browser.get(f"{LOBBY}?{query}")
        assert (answer.status, answer.body) == (view.status_code, view.json())


async def test_a_message_sent_twice_is_stored_once(alices: Caller) -> None:
    body = {"content": "Hello", "clientId": "a1"}
    first, again = await alices.post(body), await alices.post(body)
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body
    assert await in_thread(Message.objects.count) == 1


async def test_messages_sent_at_once_with_one_client_id_are_stored_once(alices: Caller) -> None:
    answers = await asyncio.gather(*(alices.post({"content": "Hello", "clientId": "a1"}) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.body["messageId"] for answer in answers}) == 1


async def test_another_room_or_content_under_the_same_client_id_is_a_conflict(alices: Caller) -> None:
    await in_thread(make_room, "other")
    await alices.post({"content": "Hello", "clientId": "a1"})
    for answer in (
        await alices.post({"content": "Hello?", "clientId": "a1"}),
        await alices.post({"content": "Hello", "clientId": "a1"}, "/api/rooms/other/messages"),
    ):
        assert (answer.status, answer.code) == (409, "conflict")


async def test_a_body_may_come_in_chunks(alices: Caller) -> None:
    answer = await alices.request("POST", LOBBY, chunks=[b'{"cont', b"", b'ent": "', "é".encode()[:1], b'\xa9"}', b""])
    assert (answer.status, answer.body["content"]) == (201, "é")


async def test_a_client_that_disconnects_before_its_body_is_complete_posts_nothing(alices: Caller) -> None:
    scope = alices.scope("POST", LOBBY)
    assert await alices.sent(scope, [b'{"content": "Hello"}'], disconnect=True) == []
    assert await in_thread(Message.objects.count) == 0


async def test_a_room_of_any_language_is_reached_with_or_without_a_trailing_slash(alices: Caller) -> None:
    await in_thread(make_room, "聊天室")
    for path in ("/api/rooms/聊天室/messages", "/api/rooms/聊天室/messages/"):
        answer = await alices.post({"content": "你好"}, path)
        assert (answer.status, answer.body["roomId"]) == (201, "聊天室")
    assert len((await alices.get("/api/rooms/聊天室/messages")).body["messages"]) == 2


async def test_a_room_is_reached_by_any_spelling_of_its_name(alices: Caller) -> None:
    await in_thread(make_room, "caf\u00e9")
    answer = await alices.post({"content": "Hello"}, "/api/rooms/cafe\u0301/messages")
    assert (answer.status, answer.body["roomId"]) == (201, "caf\u00e9")


# --- Refusals ---------------------------------------------------------------------------------------------------------
async def test_a_bad_token_is_refused_with_the_scheme_to_use(room: Room) -> None:
    for method, chunks in (("GET", [b""]), ("POST", [b'{"content": "Hello"}'])):
        answer = await Caller("not.a.token").request(method, LOBBY, chunks=chunks)
        assert (answer.status, answer.code) == (401, "auth-required")
        assert answer.headers["www-authenticate"] == "Bearer"
    await node.stop()


async def test_an_expired_token_is_refused_as_such(alices: Caller) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=60), tick=True):
        answer = await alices.get()
    assert (answer.status, answer.code) == (401, "auth-expired")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_token_that_was_good_is_refused_once_its_user_has_signed_out_everywhere(
    alices: Caller, alice: User
) -> None:
    from accounts.services import sign_out_everywhere

    assert (await alices.get()).status == 200
    await in_thread(sign_out_everywhere, user_ids=[alice.pk])
    await eventually(lambda: not session.running().rights._callers)
    answer = await alices.get()
    assert (answer.status, answer.code) == (401, "auth-required")


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_any_other_media_type_is_refused(alices: Caller, kind: str) -> None:
    answer = await alices.post({"content": "Hello"}, headers={"content-type": kind})
    assert (answer.status, answer.code) == (415, "unsupported-media-type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_named_with_its_charset_and_in_any_case(alices: Caller, kind: str) -> None:
    assert (await alices.post({"content": "Hello"}, headers={"content-type": kind})).status == 201


@pytest.mark.parametrize("body", [b"", b"{", b'"\\ud800"', b"\xff", b"[" * 10_000])
async def test_what_is_no_json_is_refused(alices: Caller, body: bytes) -> None:
    answer = await alices.post(body)
    assert (answer.status, answer.code) == (400, "bad-json")


async def test_a_body_may_be_as_large_as_a_frame_and_no_larger(alices: Caller, settings: Any) -> None:
    settings.CHAT_MAX_FRAME_BYTES = 100
    body = msgspec.json.encode({"content": "Hello"}).ljust(100)
    assert (await alices.post(body)).status == 201
    answer = await alices.post(body + b" ")
    assert (answer.status, answer.code) == (413, "too-large")
    answer = await alices.request("POST", LOBBY, chunks=[body, b" "])
    assert (answer.status, answer.code) == (413, "too-large")
    settings.CHAT_MAX_FRAME_BYTES = 0
    assert (await alices.post(body.ljust(100_000))).status == 201


async def test_a_body_that_is_too_large_is_refused_before_all_of_it_has_come(alices: Caller, settings: Any) -> None:
    settings.CHAT_MAX_FRAME_BYTES = 100
    sent = await alices.sent(alices.scope("POST", LOBBY), [b" " * 101], disconnect=True)
    assert sent[0]["status"] == 413


@pytest.mark.parametrize("host", ["elsewhere.example", "", "local host", "localhost:x"])
async def test_an_unknown_host_is_refused(alices: Caller, host: str) -> None:
    answer = await alices.post({"content": "Hello"}, headers={"host": host})
    assert answer.status == 400
    assert answer.code
    assert await in_thread(Message.objects.count) == 0


async def test_a_host_is_known_by_the_setting(alices: Caller, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["chat.example"]
    assert (await alices.get(headers={"host": "chat.example:8000"})).status == 200
    assert (await alices.get(headers={"host": "localhost"})).status == 400


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("nowhere", 404, "no-such-room"), ("two words", 400, "bad-frame"), ("a\n", 400, "bad-frame")],
)
async def test_a_room_that_cannot_be_read_is_refused(alices: Caller, name: str, status: int, code: str) -> None:
    path = f"/api/rooms/{name}/messages"
    for answer in (await alices.get(path), await alices.post({"content": "Hello"}, path)):
        assert (answer.status, answer.code) == (status, code)


async def test_a_private_room_of_others_is_refused_as_if_it_did_not_exist(alices: Caller, alice: User) -> None:
    def make() -> None:
        Membership.objects.create(room=make_room("secret", kind="private"), user=make_user("bob"))

    await in_thread(make)
    for name in ("secret", "nowhere"):
        path = f"/api/rooms/{name}/messages"
        answers = [await alices.get(path), await alices.post({"content": "Hello"}, path)]
        assert {(answer.status, answer.code) for answer in answers} == {(404, "no-such-room")}


async def test_a_muted_user_is_refused_with_how_long_it_lasts(alices: Caller, alice: User, room: Room) -> None:
    until = timezone.now() + timedelta(minutes=1)
    await in_thread(mute, room_id=room.pk, user_id=alice.pk, until=until)
    answer = await alices.post({"content": "Hello"})
    assert (answer.status, answer.code) == (403, "muted")
    assert 0 < answer.body["retryAfterMs"] <= 60_000
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert (await alices.get()).status == 200


async def test_a_closed_room_can_only_be_read(alices: Caller, room: Room) -> None:
    await in_thread(set_closed, room_id=room.pk)
    answer = await alices.post({"content": "Hello"})
    assert (answer.status, answer.code) == (403, "forbidden")
    assert (await alices.get()).status == 200


# --- When it cannot be served now -------------------------------------------------------------------------------------
@pytest.fixture
def go_on(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Messages are stored when this is set."""
    go_on, store = threading.Event(), posting._store_messages

    def store_later(*args: Any, **fields: Any) -> Any:
        assert go_on.wait(20)
        return store(*args, **fields)

    monkeypatch.setattr(posting, "_store_messages", store_later)
    return go_on


async def test_a_full_write_queue_is_refused_with_when_to_come_again(
    alices: Caller, settings: Any, go_on: threading.Event
) -> None:
    settings.CHAT_WRITE_QUEUE_MESSAGES = 1
    first = asyncio.ensure_future(alices.post({"content": "first"}))
    await eventually(lambda: session.running().write_queue._unanswered == 1)
    answer = await alices.post({"content": "second"})
    go_on.set()
    assert (answer.status, answer.code, answer.body["retryable"]) == (503, "unavailable", True)
    assert answer.headers["retry-after"] == "1"
    assert (await first).status == 201


async def test_a_message_whose_sender_has_gone_is_stored(alices: Caller, go_on: threading.Event) -> None:
    request = asyncio.ensure_future(alices.post({"content": "Hello"}))
    await eventually(lambda: session.running().write_queue._unanswered == 1)
    request.cancel()
    go_on.set()
    await session.running().write_queue.flush()
    assert await in_thread(Message.objects.count) == 1


async def test_a_lost_database_is_refused_as_unavailable(alices: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(posting, "_store_messages", lost)
    answer = await alices.post({"content": "Hello"})
    assert (answer.status, answer.code, answer.body["retryable"]) == (503, "unavailable", True)
    assert "refused" not in answer.body["error"]


async def test_a_fault_is_answered_without_its_reason(
    alices: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(token_requests, "page", fail)
    answer = await alices.get()
    assert (answer.status, answer.code) == (500, "internal")
    assert "secret" not in str(answer.body)
