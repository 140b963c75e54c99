"""Incoming webhooks over REST: managed by moderators, called by whoever has the secret, which is shown once."""

import logging
from typing import Any

import pytest
from django.test import Client

from rooms.conf import conf
from rooms.models import IncomingWebhook, Membership, Message, Room
from tests.support.api import post, refused

pytestmark = pytest.mark.django_db
PATH = "/api/rooms/lobby/incoming-webhooks"


@pytest.fixture
def made(api: Client, alice: Any, room: Room) -> dict[str, Any]:
    Membership.objects.create(room=room, user=alice, role="moderator")
    answer = post(api, PATH, {"name": "deploys"})
    assert answer.status_code == 201
    found: dict[str, Any] = answer.json()
    return found


def call(made: dict[str, Any], body: Any = None, secret: str | None = None, **options: Any) -> Any:
    headers = {"Authorization": f"Bearer {secret or made['secret']}"}
    path = f"/api/hooks/{made['id']}"
    return Client().post(path, {"content": "hello"} if body is None else body, headers=headers,
                         content_type="application/json", **options)  # fmt: skip


def test_a_secret_is_shown_once(api: Client, made: dict[str, Any]) -> None:
    assert made["url"] == f"/api/hooks/{made['id']}/{made['secret']}"
    listed = api.get(PATH)
    [one] = listed.json()["webhooks"]
    assert (one["id"], one["name"], one["username"], one["active"]) == (made["id"], "deploys", "deploys", True)
    assert one["lastUsedAt"] is None
    assert made["secret"] not in listed.content.decode()
    rotated = post(api, f"{PATH}/{made['id']}/secret", {}).json()
    assert rotated["secret"] != made["secret"]
    assert api.delete(f"{PATH}/{made['id']}").status_code == 204
    assert refused(api.delete(f"{PATH}/{made['id']}"), 404, "no-such-webhook")


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": 1}, {"name": "x" * 81}, {"name": "a", "bot": ""}, []])
def test_bad_input_makes_none(api: Client, made: dict[str, Any], body: Any) -> None:
    assert refused(post(api, PATH, body), 400, "bad-frame")
    assert IncomingWebhook.objects.count() == 1


@pytest.mark.parametrize("field", ["content", "text"])
def test_a_message_is_posted_as_its_bot(made: dict[str, Any], field: str) -> None:
    answer = call(made, {field: "built"})
    message = Message.objects.get()
    assert answer.status_code == 201
    assert answer.json()["messageId"] == str(message.pk)
    assert (answer.json()["roomId"], answer.json()["seq"]) == ("lobby", message.seq)
    assert (message.content, message.author.username, message.bot) == ("built", "deploys", True)


def test_a_message_that_is_sent_again_is_stored_once(made: dict[str, Any]) -> None:
    first, second = (call(made, {"content": "built", "clientId": "1"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert refused(call(made, {"content": "else", "clientId": "1"}), 409, "conflict")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "bad-frame"), ({"content": "a", "text": "b"}, 400, "bad-frame"), ({"content": ""}, 400, "bad-frame"),
        ({"content": None}, 400, "bad-frame"), ({"content": 1}, 400, "bad-frame"), ([], 400, "bad-frame"),
        ({"content": "x" * 4001}, 413, "too-large"), ('{"content"', 400, "bad-json"),
        ({"content": "a", "clientId": "x" * 65}, 400, "bad-frame"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_posts_nothing(made: dict[str, Any], body: Any, status: int, code: str) -> None:
    assert refused(call(made, body), status, code)
    assert not Message.objects.exists()


def test_the_secret_may_follow_in_the_path(made: dict[str, Any]) -> None:
    answer = post(Client(), made["url"], {"content": "built"})
    assert answer.status_code == 201
    assert made["secret"] not in str(vars(answer.wsgi_request)["path"]) + str(answer.wsgi_request.path_info)


def test_wrong_ones_are_alike_counted_and_never_logged(
    made: dict[str, Any], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CHAT_SIGN_IN_ADDRESS_FAILURES = 3
    caplog.set_level(logging.DEBUG)
    secret = f"{made['secret']}x"
    answers = [
        call(made, secret=secret),
        post(Client(), f"/api/hooks/{made['id'] + 1}/{made['secret']}", {"content": "a"}),
        post(Client(), f"/api/hooks/{made['id']}", {"content": "a"}),
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
    assert refused(call(made), 429, "rate-limited")
    assert "sign_in.failed" in caplog.text
    assert made["secret"] not in caplog.text


def test_a_webhook_has_a_rate_of_its_own(made: dict[str, Any], settings: Any) -> None:
    settings.CHAT_RATE_WEBHOOKS = "1/min burst 2"
    assert conf.CHAT_RATE_WEBHOOKS is not None
    assert [call(made).status_code for _ in range(3)] == [201, 201, 429]
    assert call(made).json()["bucket"] == "webhooks"


def test_a_get_posts_nothing(made: dict[str, Any]) -> None:
    assert Client().get(made["url"]).status_code == 405
    assert not Message.objects.exists()
