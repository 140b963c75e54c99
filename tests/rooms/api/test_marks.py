"""Reading over HTTP: what is unread, marks in both directions, readers, and hiding it."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from rooms.callers import CODE
from rooms.live import roster
from rooms.models import Membership, Room
from rooms.services.changes import delete_message, edit_message
from rooms.services.room_settings import change_room
from tests.support.api import post, refused
from tests.support.factories import make_message, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(room: Room, alice: User) -> User:
    """Another member beside alice."""
    bob = make_user("bob")
    for user in (alice, bob):
        Membership.objects.create(room=room, user=user)
    return bob


def unread(api: Client) -> Any:
    [room] = api.get("/api/unread").json()["rooms"]
    return room


def test_unread_messages_are_counted_and_read(api: Client, alice: User, bob: User, room: Room) -> None:
    theirs = [make_message(room, bob) for _ in range(3)]
    make_message(room, alice)
    for message in theirs[:2]:
        edit_message(message_id=message.pk, content="changed")
    for emoji in ("👍", "🎉", "😂", "❤️", "👀"):
        path = f"/api/rooms/lobby/messages/{theirs[0].pk}/reactions"
        assert post(api, path, {"emoji": emoji}).status_code == 200
    change_room(actor=CODE, room_id=room.pk, topic="news")
    delete_message(message_id=theirs[2].pk)
    assert unread(api) == {"roomId": "lobby", "unread": 2, "mentions": 0, "readSeq": 0, "version": 0, "headSeq": 13}
    assert post(api, "/api/rooms/lobby/read", {"seq": 1}).json() == {"roomId": "lobby", "seq": 1, "version": 0}
    assert unread(api)["unread"] == 1
    assert post(api, "/api/rooms/lobby/unread", {"seq": 0}).json() == {"roomId": "lobby", "seq": 0, "version": 1}
    assert post(api, "/api/rooms/lobby/read", {"seq": 13, "version": 0}).json()["seq"] == 0
    assert unread(api)["unread"] == 2


def test_readers_are_listed_unless_they_hide_it(api: Client, alice: User, bob: User, room: Room) -> None:
    path = f"/api/rooms/lobby/messages/{make_message(room, bob).pk}/readers"
    post(api, "/api/rooms/lobby/read", {"seq": 1})
    user = {"id": str(alice.pk), "username": "alice"}
    assert api.get(path).json() == {"count": 1, "of": 1, "users": [user], "next": None}
    assert api.put("/api/hidden-reads").status_code == 204
    assert api.get("/api/unread").json()["hidden"] is True
    assert api.get(path).json() == {"count": 0, "of": 0, "users": [], "next": None}
    assert api.delete("/api/hidden-reads").status_code == 204
    assert api.get(path).json()["count"] == 1


def test_a_visitor_has_no_mark(api: Client, room: Room) -> None:
    for path in ("read", "unread"):
        assert refused(post(api, f"/api/rooms/lobby/{path}", {"seq": 0}), 403, "forbidden")
        assert refused(post(api, f"/api/rooms/lobby/{path}", {"seq": -1}), 400, "bad-frame")
    assert api.get("/api/unread").json() == {"rooms": [], "hidden": False}
    assert refused(api.get("/api/rooms/lobby/messages/1/readers"), 404, "no-such-message")


def test_marks_are_kept_while_presence_does_not_answer(
    api: Client, bob: User, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rooms.errors import Unavailable

    def fail(_room_ids: list[int]) -> None:
        raise Unavailable

    monkeypatch.setattr(roster, "member_counts", fail)
    make_message(room, bob)
    assert post(api, "/api/rooms/lobby/read", {"seq": 1}).json()["seq"] == 1
