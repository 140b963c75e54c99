"""Replying and reading threads over HTTP."""

import pytest
from django.test import Client

from accounts.models import User
from rooms.models import Room
from tests.support.factories import make_message, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_is_answered_and_its_thread_is_read(api: Client, alice: User, room: Room) -> None:
    said = make_message(room, make_user("bob"), "who comes?")
    body = {"content": "me", "replyTo": str(said.pk)}
    answer = api.post("/api/rooms/lobby/messages", body, content_type="application/json")
    assert answer.status_code == 201
    assert answer.json()["replyTo"]["excerpt"] == "who comes?"
    thread = api.get(f"/api/rooms/lobby/messages/{said.pk}/replies").json()["messages"]
    assert [message["content"] for message in thread] == ["me"]
    root, _ = api.get("/api/rooms/lobby/messages").json()["messages"]
    assert (root["replyCount"], root["lastReplySeq"]) == (1, 2)


@pytest.mark.parametrize("reply_to", ["x", "99999", "-1"])
def test_what_is_no_message_is_not_answered(api: Client, room: Room, reply_to: str) -> None:
    body = {"content": "me", "replyTo": reply_to}
    answer = api.post("/api/rooms/lobby/messages", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-message")
