"""Messages over HTTP with a session: pages, posting, and what is refused."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from rooms import storage
from rooms.api import messages
from rooms.live.events import Event
from rooms.models import Membership, Message, Room
from rooms.services.changes import message_frame
from rooms.services.room_settings import set_closed
from tests.support.api import post, refused
from tests.support.factories import make_message, make_room, make_user
from tests.support.rooms import frames

pytestmark = pytest.mark.django_db(transaction=True)  # what is broadcast, is so after the commit


def seqs(api: Client, query: str) -> list[int]:
    return [message["seq"] for message in api.get(f"/api/rooms/lobby/messages{query}").json()["messages"]]


# --- Reading ----------------------------------------------------------------------------------------------------------
def test_a_message_has_the_sockets_shape(api: Client, alice: User, room: Room) -> None:
    message = make_message(room, alice, "Hello <b>", client_id="a1", kind="room-message")
    stored = storage.message(message_id=message.pk)
    assert stored is not None
    [shown] = api.get("/api/rooms/lobby/messages").json()["messages"]
    assert shown == msgspec.to_builtins(message_frame(stored))
    assert (shown["type"], shown["content"], shown["clientId"]) == ("room-message", "Hello <b>", "a1")


def test_messages_come_page_by_page_oldest_first(api: Client, alice: User, room: Room) -> None:
    for _ in range(60):
        make_message(room, alice)
    assert seqs(api, "") == list(range(11, 61))
    assert seqs(api, "?limit=2") == [59, 60]
    assert seqs(api, "?limit=2&before=59") == [57, 58]
    assert seqs(api, "?limit=2&after=0") == [1, 2]
    assert seqs(api, "?after=2&before=5") == [3, 4]
    assert seqs(api, "?after=60") == []


def test_a_page_of_messages_holds_at_most_200(api: Client, alice: User, room: Room) -> None:
    Message.objects.bulk_create(
        Message(room=room, author=alice, content="x", seq=seq, changed_seq=seq) for seq in range(1, 202)
    )
    assert seqs(api, "?limit=1000") == list(range(2, 202))


@pytest.mark.parametrize("query", ["before=x", "after=-1", f"after={2**53}", f"before={10**30}"])
def test_a_seq_outside_its_rule_is_refused(api: Client, room: Room, query: str) -> None:
    assert refused(api.get(f"/api/rooms/lobby/messages?{query}"), 400, "bad-frame")


@pytest.mark.parametrize("count", [0, 1, 20])
def test_a_page_of_messages_takes_six_queries(
    api: Client, room: Room, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        make_message(room, make_user())
    with django_assert_num_queries(6):  # session, user, device, ban, room, messages with their authors
        assert len(seqs(api, "")) == count


# --- Posting ----------------------------------------------------------------------------------------------------------
def test_a_posted_message_is_stored_and_answered(api: Client, alice: User, room: Room) -> None:
    response = post(api, "/api/rooms/lobby/messages", {"content": "Hello"})
    answer = response.json()
    assert response.status_code == 201
    assert (answer["type"], answer["roomId"], answer["content"], answer["seq"]) == ("chat-message", "lobby", "Hello", 1)
    assert answer["user"] == {"id": str(alice.pk), "username": "alice"}
    assert api.get("/api/rooms/lobby/messages").json()["messages"] == [answer]


def test_a_message_sent_twice_is_stored_once(api: Client, room: Room) -> None:
    first = post(api, "/api/rooms/lobby/messages", {"content": "Hello", "clientId": "a1"})
    again = post(api, "/api/rooms/lobby/messages", {"content": "Hello", "clientId": "a1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["clientId"] == "a1"
    assert Message.objects.count() == 1


@pytest.mark.parametrize(("room_name", "content"), [("other", "Hello"), ("lobby", "Hello?")])
def test_another_room_or_content_under_the_same_client_id_is_a_conflict(
    api: Client, room: Room, room_name: str, content: str
) -> None:
    make_room("other")
    post(api, "/api/rooms/lobby/messages", {"content": "Hello", "clientId": "a1"})
    again = post(api, f"/api/rooms/{room_name}/messages", {"content": content, "clientId": "a1"})
    assert refused(again, 409, "conflict")
    assert Message.objects.count() == 1


def test_a_message_is_broadcast(api: Client, room: Room, published: list[Event]) -> None:
    answer = post(api, "/api/rooms/lobby/messages", {"content": "Hello"}).json()
    assert frames(published) == [answer]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "bad-frame"),
        ({"content": 1}, 400, "bad-frame"),
        ({"content": ""}, 400, "bad-frame"),
        ({"content": " \n"}, 400, "bad-frame"),
        ({"content": "nul\0"}, 400, "bad-frame"),
        ({"content": "x" * 4001}, 413, "too-large"),
        ({"content": "x", "clientId": ""}, 400, "bad-frame"),
        ({"content": "x", "clientId": "x" * 65}, 400, "bad-frame"),
        ({"content": "x", "clientId": "nul\0"}, 400, "bad-frame"),
        ({"content": "x", "clientId": 1}, 400, "bad-frame"),
        ([], 400, "bad-frame"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_message_outside_its_rule_is_refused(api: Client, room: Room, body: Any, status: int, code: str) -> None:
    assert refused(post(api, "/api/rooms/lobby/messages", body), status, code)
    assert not Message.objects.exists()


def test_a_user_who_may_not_post_is_refused(api: Client, alice: User, room: Room) -> None:
    membership = Membership.objects.create(room=room, user=alice, muted_until=timezone.now() + timedelta(minutes=1))
    response = post(api, "/api/rooms/lobby/messages", {"content": "Hello"})
    assert refused(response, 403, "muted")
    assert 0 < response.json()["retryAfterMs"] <= 60_000
    membership.delete()
    set_closed(room_id=room.pk)
    assert refused(post(api, "/api/rooms/lobby/messages", {"content": "Hello"}), 403, "forbidden")
    assert api.get("/api/rooms/lobby").json()["closed"] is True


def test_a_lost_database_is_refused_as_unavailable(api: Client, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(messages, "post_message", lost)
    response = post(api, "/api/rooms/lobby/messages", {"content": "Hello"})
    assert refused(response, 503, "unavailable")
    assert response.json()["retryable"] is True
