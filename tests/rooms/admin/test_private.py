"""Rooms that are not public, their members and their messages: staff without the permission never meet them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from rooms.models import Invitation, Membership, Message, Room
from rooms.services.search import index_room
from tests.support.factories import make_message, make_room, make_user

pytestmark = pytest.mark.django_db
ROOMS, MEMBERSHIPS, MESSAGES, INVITATIONS = (
    f"/admin/chat_rooms/{name}/" for name in ("room", "membership", "message", "invitation")
)
EVERYTHING = (
    "view_room", "change_room", "add_room", "delete_room", "view_message", "delete_message",
    "view_invitation", "change_invitation",
    "view_membership", "add_membership", "change_membership", "delete_membership", "view_user", "delete_user",
    "change_user",
)  # fmt: skip
Staff = Callable[..., Client]
Act = Callable[..., str]


@pytest.fixture(params=["private", "direct", "object"])
def hidden(request: pytest.FixtureRequest, db: None) -> Room:
    room = make_room("cellar", kind=request.param, title="Cellar talk")
    gerda = make_user("gerda")
    make_message(room, gerda, "the key is under the mat")
    Invitation.objects.create(
        room=room, code_hash="0" * 64, created_by=gerda, expires_at=timezone.now() + timedelta(days=1)
    )
    Membership.objects.create(room=room, user=make_user("hans"))
    make_message(make_room("garden"), make_user("alice"), "tomatoes are ripe")
    index_room(room_id=room.pk)
    return room


def paths(room: Room) -> list[str]:
    membership, message = Membership.objects.get(room=room), Message.objects.get(room=room, kind="chat-message")
    one = [f"{ROOMS}{room.pk}", f"{MEMBERSHIPS}{membership.pk}", f"{MESSAGES}{message.pk}"]
    lists = [
        ROOMS, f"{ROOMS}?q=cellar", f"{ROOMS}?kind__exact={room.kind}", f"{ROOMS}?_facets=True",
        f"{ROOMS}?id__exact={room.pk}", MEMBERSHIPS, f"{MEMBERSHIPS}?q=cellar", f"{MEMBERSHIPS}?role__exact=member",
        MESSAGES, f"{MESSAGES}?q=mat", f"{MESSAGES}?q=in%3Acellar", f"{MESSAGES}?room__id__exact={room.pk}",
        "/admin/autocomplete/?app_label=chat_rooms&model_name=membership&field_name=room&term=cellar",
        f"{MEMBERSHIPS}add/", "/admin/", INVITATIONS,
    ]  # fmt: skip
    users = [f"/admin/chat_accounts/user/{membership.user_id}/delete/"]
    return [*lists, *users, *(f"{path}/{page}/" for path in one for page in ("change", "history", "delete"))]


def shown(client: Client, room: Room) -> set[str]:
    """The pages that show the room: its name as such (a query is repeated in the field it was typed into)."""
    found = set()
    for path in paths(room):
        page = client.get(path, follow=True).content.decode()
        texts = ("under the mat", "Cellar talk", "· cellar", ">cellar<", '"cellar"}', "cellar #")
        if any(text in page for text in texts):
            found.add(path)
    return found


def test_staff_without_the_permission_see_it_nowhere(staff: Staff, hidden: Room) -> None:
    assert shown(staff(*EVERYTHING), hidden) == set()


def test_staff_with_the_permission_see_it(staff: Staff, hidden: Room) -> None:
    found = shown(staff(*EVERYTHING, "see_private"), hidden)
    lists = {ROOMS, MEMBERSHIPS, MESSAGES, INVITATIONS}
    assert lists | {f"{MESSAGES}?q=mat", f"{ROOMS}{hidden.pk}/change/"} <= found
    assert any(path.startswith("/admin/chat_accounts/user/") for path in found)


def test_public_rooms_are_seen_by_both(staff: Staff, hidden: Room) -> None:
    for permissions in (EVERYTHING, (*EVERYTHING, "see_private")):
        client = staff(*permissions)
        assert "garden" in client.get(ROOMS).content.decode()
        assert "tomatoes are ripe" in client.get(MESSAGES).content.decode()


@pytest.mark.parametrize("sees_private", [True, False])
def test_nobody_is_made_a_member_of_a_room_that_one_may_not_see(staff: Staff, hidden: Room, sees_private: bool) -> None:
    client = staff(*EVERYTHING, *(["see_private"] if sees_private else []))
    user = make_user()
    client.post(f"{MEMBERSHIPS}add/", {"room": hidden.pk, "user": user.pk, "role": "owner"})
    is_open = sees_private and hidden.kind != Room.Kind.DIRECT  # which keeps its people
    assert Membership.objects.filter(room=hidden, user=user).exists() is is_open


@pytest.mark.parametrize("sees_private", [True, False])
def test_no_action_reaches_what_one_may_not_see(staff: Staff, act: Act, hidden: Room, sees_private: bool) -> None:
    client = staff(*EVERYTHING, *(["see_private"] if sees_private else []))
    act(client, ROOMS, "close", hidden)
    act(client, MESSAGES, "delete", Message.objects.get(room=hidden, kind="chat-message"))
    act(client, MEMBERSHIPS, "delete_selected", Membership.objects.get(room=hidden), post="yes")
    hidden.refresh_from_db()
    message = Message.objects.get(room=hidden, kind="chat-message")
    done = (hidden.closed_at is not None, message.deleted_at is not None, not hidden.memberships.exists())
    assert done == (sees_private, sees_private, sees_private and hidden.kind != Room.Kind.DIRECT)
