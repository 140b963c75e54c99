"""The page of an invitation link: it shows the room, and only its button joins."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from rooms.callers import Actor
from rooms.models import AuditEntry, Invitation, Membership, Room
from rooms.services import invitations
from tests.support.factories import make_room, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(client: Client) -> User:
    user = make_user("bob")
    client.force_login(user)
    return user


@pytest.fixture
def private(db: None) -> Room:
    return make_room("private", title="Garden & <friends>", kind="private")


@pytest.fixture
def path(private: Room) -> str:
    owner = make_user("owner")
    Membership.objects.create(room=private, user=owner, role="owner")
    return invitations.path(invitations.create(actor=Actor(owner.pk), name="private").code)


def test_the_page_shows_the_room_and_makes_nobody_a_member(client: Client, bob: User, path: str) -> None:
    for _ in range(2):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "Garden &amp; &lt;friends&gt;" in answer.content.decode()
    assert not Membership.objects.filter(user=bob).exists()
    assert answer["Cache-Control"].startswith("max-age=0")
    assert answer["Referrer-Policy"] == "same-origin"


def test_its_button_joins_and_leads_into_the_room(client: Client, bob: User, path: str) -> None:
    answer = client.post(path)
    assert (answer.status_code, answer["Location"]) == (302, "/rooms/private/")
    assert Membership.objects.get(user=bob).role == "member"
    assert AuditEntry.objects.get(action="accept-invitation").door == "page"


def test_another_site_cannot_press_the_button(bob: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert client.post(path).status_code == 403
    assert not Membership.objects.filter(user=bob).exists()


def test_a_visitor_signs_in_first_and_comes_back(client: Client, path: str) -> None:
    assert client.get(path)["Location"] == f"/accounts/sign-in/?next={path}"


def test_whatever_is_wrong_with_a_code_the_page_is_the_same(client: Client, bob: User, path: str) -> None:
    unknown = client.get("/invitation/unknown/")
    assert unknown.status_code == 404
    assert "not valid" in unknown.content.decode()
    Invitation.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    for answer in (client.get(path), client.post(path)):
        assert (answer.status_code, _shown(answer)) == (404, _shown(unknown))


def test_who_is_banned_is_not_let_in(client: Client, bob: User, private: Room, path: str) -> None:
    Membership.objects.create(room=private, user=bob, role="none", banned_until=timezone.now() + timedelta(days=1))
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code == 403
        assert "You are banned from this room." in answer.content.decode()
    assert Membership.objects.get(user=bob).role == "none"


def test_whom_the_project_refuses_is_not_let_in(client: Client, bob: User, path: str, settings: LazySettings) -> None:
    settings.CHAT_CAN_JOIN = f"{__name__}.nobody"
    assert client.post(path).status_code == 403
    assert not Membership.objects.filter(user=bob).exists()


def nobody(_user: User, _room: Room) -> bool:
    return False


def _shown(answer: object) -> str:
    """What the page says, without the token of its forms."""
    content: str = answer.content.decode()  # type: ignore[attr-defined]
    return content.partition("<main")[2]
