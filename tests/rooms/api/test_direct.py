"""Direct rooms over HTTP."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.support.api import post, refused
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def test_a_direct_room_is_opened_and_listed_with_its_people(api: Client, alice: User) -> None:
    bob = make_user("bob")
    room = post(api, "/api/direct", {"users": ["bob"]}).json()
    members = [{"id": str(user.pk), "username": user.username} for user in (alice, bob)]
    assert (room["kind"], room["role"], room["members"]) == ("direct", "member", members)
    assert post(api, "/api/direct/", {"users": ["bob"]}).json() == room
    assert api.get("/api/rooms").json()["rooms"] == [room]
    assert api.get(f"/api/rooms/{room['id']}").json() == room
    other = Client()
    other.force_login(make_user("carol"))
    assert other.get("/api/rooms").json()["rooms"] == []
    assert refused(other.get(f"/api/rooms/{room['id']}"), 404, "no-such-room")


@pytest.mark.parametrize(
    ("users", "status", "code"),
    [
        (["nobody"], 404, "no-such-user"),
        (["alice"], 400, "bad-frame"),
        ([], 400, "bad-frame"),
        ("bob", 400, "bad-frame"),
    ],
    ids=str,
)
def test_who_cannot_be_in_one_is_refused(api: Client, users: Any, status: int, code: str) -> None:
    assert refused(post(api, "/api/direct", {"users": users}), status, code)


def test_a_direct_room_is_made_in_no_other_way(api: Client) -> None:
    assert refused(post(api, "/api/rooms", {"name": "pair", "kind": "direct"}), 400, "bad-frame")
