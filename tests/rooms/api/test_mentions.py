"""Mentions over HTTP, and what one has missed."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from rooms.models import Membership, Room
from tests.support.api import post, refused
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bob(room: Room, alice: User) -> User:
    bob = make_user("bob")
    for user in (alice, bob):
        Membership.objects.create(room=room, user=user)
    return bob


def say(api: Client, **fields: Any) -> Any:
    return post(api, "/api/rooms/lobby/messages", fields)


def test_messages_carry_whom_they_mention(api: Client, bob: User) -> None:
    named = [{"id": str(bob.pk), "username": "bob"}]
    message = say(api, content="hi", mentions=["bob"]).json()
    assert message["mentions"] == named
    assert say(api, content="@room").json()["mentionsRoom"] is True
    first, second = api.get("/api/rooms/lobby/messages").json()["messages"]
    assert (first["mentions"], second["mentionsRoom"]) == (named, True)
    edited = api.patch(
        f"/api/rooms/lobby/messages/{message['messageId']}", {"content": "hi @bob!"}, content_type="application/json"
    ).json()
    assert edited["mentions"] == named


def test_what_was_missed_comes_page_by_page(api: Client, alice: User, bob: User) -> None:
    their = Client()
    their.force_login(bob)
    for number in range(3):
        say(their, content=f"@alice {number}")
    first = api.get("/api/missed", {"limit": "2"}).json()
    assert [(one["why"], one["message"]["content"]) for one in first["mentions"]] == [
        ("mention", "@alice 2"), ("mention", "@alice 1"),
    ]  # fmt: skip
    assert first["rooms"] == [{"roomId": "lobby", "unread": 3, "mentions": 3, "readSeq": 0, "version": 0, "headSeq": 3}]
    second = api.get("/api/missed/", {"before": first["next"]}).json()
    assert [one["message"]["content"] for one in second["mentions"]] == ["@alice 0"]
    assert (second["next"], second["rooms"]) == (None, None)


@pytest.mark.parametrize("names", [["x"] * 3 + ["y", "z"], [1], "bob", ["a\0"], [""], ["x" * 300]])
def test_names_that_are_too_many_or_none_are_refused(api: Client, bob: User, settings: Any, names: Any) -> None:
    settings.CHAT_MAX_MENTIONS = 2
    assert refused(say(api, content="hi", mentions=names), 400, "bad-frame")
    assert say(api, content="hi", mentions=["bob", "bob", "nobody"]).status_code == 201


def test_a_place_that_is_none_is_refused(api: Client, bob: User) -> None:
    assert refused(api.get("/api/missed", {"before": "x"}), 400, "bad-frame")
    assert refused(Client().get("/api/missed"), 401, "auth-required")
