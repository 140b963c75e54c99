"""The rates of callers with a session; those of callers with a token are the socket's (tests/flows/test_rates.py)."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from rooms import project
from rooms.api import rates
from rooms.conf import RATES
from rooms.live.rates import Rates
from rooms.models import Room
from tests.support.api import post, refused

pytestmark = pytest.mark.django_db(transaction=True)
MESSAGES = "/api/rooms/lobby/messages"
OF_EACH = [
    ("get", "/api/rooms", None, "requests"),
    ("get", "/api/rooms/lobby", None, "requests"),
    ("get", "/api/online", None, "requests"),
    ("get", MESSAGES, None, "reads"),
    ("post", "/api/rooms", {"name": "new"}, "new-rooms"),
    ("post", MESSAGES, {"content": "hi"}, "messages"),
    ("post", MESSAGES, {"content": "hi"}, "room-messages"),
]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buckets that no other test has taken from."""
    monkeypatch.setattr(rates, "_alone", Rates())


def ask(api: Client, method: str, path: str, body: Any) -> Any:
    return api.get(path) if method == "get" else post(api, path, body)


@pytest.mark.parametrize("request_", OF_EACH)
def test_a_request_too_many_is_refused_by_its_bucket(
    api: Client, room: Room, settings: LazySettings, request_: tuple[str, str, Any, str]
) -> None:
    *what, bucket = request_
    setattr(settings, RATES[bucket], "1/min burst 1")
    assert ask(api, *what).status_code in (200, 201)
    refusal = ask(api, *what)
    assert refused(refusal, 429, "rate-limited")
    answer = refusal.json()
    assert (answer["bucket"], answer["retryable"]) == (bucket, True)
    assert 59_000 < answer["retryAfterMs"] <= 60_000
    assert refusal.headers["Retry-After"] == "60"


def test_a_command_that_is_sent_again_acts_again_and_takes_a_token(
    api: Client, room: Room, settings: LazySettings
) -> None:
    settings.CHAT_RATE_MESSAGES = "1/min burst 1"
    command = {"content": "/help", "clientId": "c1"}
    assert [post(api, MESSAGES, command).status_code for _ in range(2)] == [200, 429]


def test_a_message_that_is_sent_again_takes_no_new_token(api: Client, room: Room, settings: LazySettings) -> None:
    settings.CHAT_RATE_MESSAGES = "1/min burst 1"
    message = {"content": "once", "clientId": "c1"}
    assert [post(api, MESSAGES, message).status_code for _ in range(3)] == [201, 200, 200]


def test_a_refused_request_of_nobody_is_not_counted(client: Client, settings: LazySettings) -> None:
    settings.CHAT_RATE_REQUESTS = "1/min burst 1"
    assert [client.get("/api/rooms").status_code for _ in range(3)] == [401] * 3


def test_what_the_projects_own_code_posts_is_not_limited(
    api: Client, alice: User, room: Room, settings: LazySettings
) -> None:
    settings.CHAT_RATE_MESSAGES = "1/min burst 1"
    for _ in range(5):
        project.post_message("lobby", alice, "by code")
    assert post(api, MESSAGES, {"content": "by hand"}).status_code == 201
