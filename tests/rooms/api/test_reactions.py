"""Reacting over HTTP: the same service, the same refusals."""

import pytest
from django.test import Client

from accounts.models import User
from rooms.models import Room
from tests.support.factories import make_message, make_user

pytestmark = pytest.mark.django_db


def test_a_message_is_reacted_to_and_its_reactions_are_read(api: Client, alice: User, room: Room) -> None:
    message = make_message(room, make_user("bob"))
    path = f"/api/rooms/lobby/messages/{message.pk}/reactions"
    for emoji in ("❤", "❤️", "👍"):
        answer = api.post(path, {"emoji": emoji}, content_type="application/json")
        assert answer.status_code == 200
    assert answer.json() == {"messageId": str(message.pk), "seq": 1, "changedSeq": 3}
    page = api.get(path, {"limit": 1}).json()
    assert [one["emoji"] for one in page["reactions"]] == ["❤️"]
    page = api.get(path, {"after": page["next"]}).json()
    assert [(one["emoji"], one["user"]["username"]) for one in page["reactions"]] == [("👍", "alice")]
    api.post(path, {"emoji": "👍", "on": False}, content_type="application/json")
    [shown] = api.get("/api/rooms/lobby/messages").json()["messages"]
    assert [(kind["emoji"], kind["count"]) for kind in shown["reactions"]] == [("❤️", 1)]


@pytest.mark.parametrize(("emoji", "code"), [("x", "bad-frame"), ("", "bad-frame")])
def test_what_is_no_emoji_is_refused(api: Client, alice: User, room: Room, emoji: str, code: str) -> None:
    path = f"/api/rooms/lobby/messages/{make_message(room, alice).pk}/reactions"
    assert api.post(path, {"emoji": emoji}, content_type="application/json").json()["code"] == code
