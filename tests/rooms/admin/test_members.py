"""Memberships in the admin: every change goes through the moderation service, which says whose rights changed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from rooms.models import AuditEntry, Membership
from tests.support.factories import make_room, make_user

pytestmark = pytest.mark.django_db
MEMBERSHIPS = "/admin/chat_rooms/membership/"
Commits = Callable[..., Any]


@pytest.fixture
def membership() -> Membership:
    return Membership.objects.create(room=make_room("garden"), user=make_user())


def test_a_ban_is_entered_without_moving_what_was_read(
    moderator: Client, membership: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Membership.objects.get(pk=membership.pk)
    Membership.objects.update(read_seq=9)
    monkeypatch.setattr("rooms.admin.members.MembershipAdmin.get_object", lambda *_args, **_kwargs: opened)
    form = {"role": "member", "banned_until_0": "2099-01-01", "banned_until_1": "00:00"}
    response = moderator.post(f"{MEMBERSHIPS}{membership.pk}/change/", form)
    assert response.status_code == 302
    membership.refresh_from_db()
    assert membership.banned_until is not None
    assert membership.read_seq == 9


@pytest.mark.parametrize(
    "form",
    [
        {"role": "member", "banned_until_0": "2099-01-01", "banned_until_1": "00:00"},
        {"role": "member", "muted_until_0": "2099-01-01", "muted_until_1": "00:00"},
        {"role": "moderator"},
    ],
    ids=["ban", "mute", "role"],
)
def test_a_change_is_announced_after_its_commit(
    moderator: Client,
    membership: Membership,
    announced: list[list[str]],
    django_capture_on_commit_callbacks: Commits,
    form: dict[str, str],
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        moderator.post(f"{MEMBERSHIPS}{membership.pk}/change/", form)
        assert announced == []
    assert announced == [[str(membership.user_id)]]


def test_a_membership_is_made_once_and_announced(
    moderator: Client, announced: list[list[str]], django_capture_on_commit_callbacks: Commits
) -> None:
    room, user = make_room("garden", kind="private"), make_user()
    form = {"room": room.pk, "user": user.pk, "role": "moderator"}
    with django_capture_on_commit_callbacks(execute=True):
        assert moderator.post(f"{MEMBERSHIPS}add/", form).status_code == 302
    assert Membership.objects.get(room=room, user=user).role == Membership.Role.MODERATOR
    assert announced == [[str(user.pk)]]
    assert "already exists" in moderator.post(f"{MEMBERSHIPS}add/", form).content.decode()


def test_who_is_made_a_member_here_sees_no_more_than_one_who_is_invited(moderator: Client) -> None:
    room, user = make_room("garden", kind="private", history="joined", last_seq=7), make_user("bob")
    form = {"room": room.pk, "user": user.pk, "role": "moderator"}
    moderator.post(f"{MEMBERSHIPS}add/", form)
    found = Membership.objects.get()
    assert (found.role, found.visible_from_seq) == ("moderator", 7)
    entry = AuditEntry.objects.get(action="membership")
    assert (entry.door, entry.target_name, entry.room_name) == ("admin", "bob", "garden")
    assert entry.details == {"role": "moderator"}


def test_a_membership_keeps_its_room_and_its_user(moderator: Client, membership: Membership) -> None:
    form = {"role": "member", "room": make_room().pk, "user": make_user().pk}
    moderator.post(f"{MEMBERSHIPS}{membership.pk}/change/", form)
    kept = Membership.objects.get()
    assert (kept.pk, kept.room_id, kept.user_id) == (membership.pk, membership.room_id, membership.user_id)


def test_taking_members_out_is_announced_for_each(
    moderator: Client, membership: Membership, announced: list[list[str]], django_capture_on_commit_callbacks: Commits
) -> None:
    others = [Membership.objects.create(room=membership.room, user=make_user()) for _ in range(2)]
    with django_capture_on_commit_callbacks(execute=True):
        moderator.post(f"{MEMBERSHIPS}{membership.pk}/delete/", {"post": "yes"})
    assert announced == [[str(membership.user_id)]]
    form = {"action": "delete_selected", "_selected_action": [other.pk for other in others], "post": "yes"}
    with django_capture_on_commit_callbacks(execute=True):
        moderator.post(MEMBERSHIPS, form)
    assert not Membership.objects.exists()
    members = [membership, *others]
    assert sorted(announced) == sorted([str(member.user_id)] for member in members)


def test_who_owns_a_room_or_has_a_direct_one_can_be_deleted(admin_client: Client) -> None:
    user = make_user("bob")
    for kind in ("public", "direct"):
        Membership.objects.create(room=make_room(kind, kind=kind), user=user, role="owner")
    page = admin_client.get(f"/admin/chat_accounts/user/{user.pk}/delete/").content.decode()
    assert "Yes, I’m sure" in page
    assert admin_client.get(f"{MEMBERSHIPS}{Membership.objects.first().pk}/delete/").status_code == 403
