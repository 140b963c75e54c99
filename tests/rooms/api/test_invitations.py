"""Invitation links over HTTP."""

import pytest
from django.test import Client

from accounts.models import User
from rooms.models import Invitation, Membership
from tests.support.api import post, refused
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(api: Client) -> dict[str, object]:
    """An invitation to alice's private room."""
    post(api, "/api/rooms", {"name": "mine", "kind": "private", "title": "My own"})
    answer = post(api, "/api/rooms/mine/invitations", {"hours": 2, "uses": 3})
    assert answer.status_code == 201
    found: dict[str, object] = answer.json()
    return found


@pytest.fixture
def guest(db: None) -> Client:
    client = Client()
    client.force_login(make_user("bob"))
    return client


def test_an_invitation_shows_its_code_once(api: Client, made: dict[str, object]) -> None:
    assert made["url"] == f"/invitation/{made['code']}/"
    [listed] = api.get("/api/rooms/mine/invitations").json()["invitations"]
    assert (listed["uses"], listed["used"], listed["expiresAt"]) == (3, 0, made["expiresAt"])
    assert str(made["code"]) not in str(listed)


def test_who_accepts_it_is_shown_the_room_and_is_a_member(guest: Client, made: dict[str, object]) -> None:
    assert refused(guest.get("/api/rooms/mine"), 404, "no-such-room")
    answer = post(guest, "/api/invitations/accept", {"code": made["code"]}).json()
    assert (answer["id"], answer["title"], answer["role"]) == ("mine", "My own", "member")
    assert guest.get("/api/rooms/mine").json() == answer


def test_a_revoked_one_lets_nobody_in(api: Client, guest: Client, made: dict[str, object]) -> None:
    path = f"/api/rooms/mine/invitations/{Invitation.objects.get().pk}"
    for _ in range(2):
        assert api.delete(path).status_code == 204
    assert api.get("/api/rooms/mine/invitations").json() == {"invitations": []}
    assert refused(post(guest, "/api/invitations/accept", {"code": made["code"]}), 404, "invalid-invitation")
    assert not Membership.objects.filter(user__username="bob").exists()


@pytest.mark.parametrize("body", [{"hours": 0}, {"hours": 721}, {"hours": "1"}, {"uses": -1}, {"uses": 2**31}], ids=str)
def test_one_outside_the_rule_is_refused(api: Client, alice: User, body: dict[str, object]) -> None:
    post(api, "/api/rooms", {"name": "mine"})
    assert refused(post(api, "/api/rooms/mine/invitations", body), 400, "bad-frame")


def test_members_below_moderators_make_none(api: Client, guest: Client, made: dict[str, object]) -> None:
    post(guest, "/api/invitations/accept", {"code": made["code"]})
    assert refused(post(guest, "/api/rooms/mine/invitations", {}), 403, "forbidden")
