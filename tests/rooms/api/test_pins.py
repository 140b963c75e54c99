"""Pinning over HTTP: the same service, the same refusals."""

import pytest
from django.test import Client

from accounts.models import User
from rooms.models import Membership, Room
from tests.support.factories import make_message, make_user

pytestmark = pytest.mark.django_db


def test_a_message_is_pinned_and_the_pins_are_read(api: Client, alice: User, room: Room) -> None:
    message = make_message(room, make_user("bob"))
    path = f"/api/rooms/lobby/messages/{message.pk}/pin"
    assert api.post(path, {}, content_type="application/json").json()["code"] == "forbidden"
    Membership.objects.create(room=room, user=alice, role=Membership.Role.MODERATOR)
    answer = api.post(path, {}, content_type="application/json")
    assert (answer.status_code, answer.json()) == (200, {"messageId": str(message.pk), "seq": 1, "changedSeq": 2})
    [shown] = api.get("/api/rooms/lobby/pins").json()["messages"]
    assert shown["messageId"] == str(message.pk)
    assert shown["pinnedAt"]
    assert api.get("/api/rooms/lobby/pins", {"before": 1}).json() == {"messages": []}
    api.post(path, {"on": False}, content_type="application/json")
    assert api.get("/api/rooms/lobby/pins").json() == {"messages": []}


@pytest.mark.parametrize("body", [{"on": "yes"}, {"on": None}, []])
def test_a_pin_of_another_form_is_refused(api: Client, alice: User, room: Room, body: object) -> None:
    path = f"/api/rooms/lobby/messages/{make_message(room, alice).pk}/pin"
    assert api.post(path, body, content_type="application/json").json()["code"] == "bad-frame"
    assert api.get("/api/rooms/lobby/pins", {"before": "x"}).status_code == 400
