"""Members over HTTP: the list, inviting, and one's own membership."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from rooms.live import roster
from rooms.live.presence import Online
from rooms.models import AuditEntry, Membership, Room
from tests.support.api import post, refused
from tests.support.factories import make_room, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def online(alice: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Presence is tested elsewhere: alice is online."""
    here = [Online(str(alice.pk), "alice", datetime(2026, 1, 2, tzinfo=UTC))]
    monkeypatch.setattr(roster, "online", lambda: here)
    return


def put(client: Client, path: str, body: Any) -> Any:
    return client.put(path, body, content_type="application/json")


def test_the_members_of_a_room_page_by_page(api: Client, alice: User, room: Room) -> None:
    bob = make_user("bob")
    Membership.objects.create(room=room, user=bob, role="moderator")
    assert put(api, "/api/rooms/lobby/membership", {"level": "mentions"}).status_code == 204
    first = api.get("/api/rooms/lobby/members?limit=1").json()
    shown = {"user": {"id": str(alice.pk), "username": "alice"}, "role": "member", "online": True}
    assert first == {"members": [shown], "next": str(alice.pk)}
    second = api.get("/api/rooms/lobby/members", {"limit": 1, "after": first["next"]}).json()
    assert [member["user"]["username"] for member in second["members"]] == ["bob"]
    assert (second["members"][0]["online"], second["next"]) == (False, None)


def test_a_membership_is_begun_changed_and_ended(api: Client, alice: User, room: Room) -> None:
    for body, level in [({}, "all"), ({"level": "none"}, "none"), ({}, "none")]:
        assert put(api, "/api/rooms/lobby/membership", body).status_code == 204
        answer = api.get("/api/rooms/lobby").json()
        assert (answer["role"], answer["level"]) == ("member", level)
    for _ in range(2):
        assert api.delete("/api/rooms/lobby/membership").status_code == 204
    answer = api.get("/api/rooms/lobby").json()
    assert (answer["role"], answer["level"]) == (None, None)


def test_a_member_invites_and_the_door_is_noted(api: Client, alice: User) -> None:
    make_user("bob")
    post(api, "/api/rooms", {"name": "mine", "kind": "private"})
    assert post(api, "/api/rooms/mine/members", {"username": "bob"}).status_code == 204
    assert Membership.objects.get(user__username="bob").role == "member"
    assert AuditEntry.objects.get().door == "rest"
    assert refused(post(api, "/api/rooms/mine/members", {"username": "nobody"}), 404, "no-such-user")


def test_the_last_owner_cannot_leave(api: Client) -> None:
    post(api, "/api/rooms", {"name": "mine"})
    assert refused(api.delete("/api/rooms/mine/membership"), 409, "conflict")


@pytest.mark.parametrize("body", [{"level": "some"}, {"level": 1}, []], ids=str)
def test_a_level_that_there_is_not_is_refused(api: Client, room: Room, body: Any) -> None:
    assert refused(put(api, "/api/rooms/lobby/membership", body), 400, "bad-frame")


def test_a_private_room_of_others_and_one_that_is_not_there_answer_alike(api: Client) -> None:
    make_room("secret", kind="private")
    answers = []
    for name in ("secret", "nothing"):
        path = f"/api/rooms/{name}"
        calls = [
            api.get(path),
            api.get(f"{path}/messages"),
            api.get(f"{path}/members"),
            post(api, f"{path}/members", {"username": "alice"}),
            put(api, f"{path}/membership", {}),
            api.delete(f"{path}/membership"),
            api.get(f"{path}/invitations"),
            post(api, f"{path}/invitations", {}),
            api.delete(f"{path}/invitations/1"),
            post(api, f"{path}/messages", {"content": "hi"}),
        ]
        assert all(refused(answer, 404, "no-such-room") for answer in calls)
        answers.append([answer.content for answer in calls])
    assert answers[0] == answers[1]
