"""Invitations in the admin: seen, revoked by those who may, and never with their code."""

import pytest
from django.test import Client

from rooms.callers import Actor
from rooms.models import AuditEntry, Invitation, Membership
from rooms.services import invitations
from tests.rooms.admin.conftest import Act, Staff
from tests.support.factories import make_room, make_user

pytestmark = pytest.mark.django_db
PATH = "/admin/chat_rooms/invitation/"


@pytest.fixture
def made() -> invitations.Created:
    room, owner = make_room("garden", kind="private"), make_user("owner")
    Membership.objects.create(room=room, user=owner, role="owner")
    return invitations.create(actor=Actor(owner.pk), name="garden")


def test_an_invitation_is_seen_without_its_code(staff: Staff, made: invitations.Created) -> None:
    client: Client = staff("view_invitation", "see_private")
    for path in (PATH, f"{PATH}?q=gard", f"{PATH}{made.invitation.pk}/change/"):
        page = client.get(path)
        assert page.status_code == 200
        assert "garden" in page.content.decode()
        assert made.code not in page.content.decode()
        assert made.invitation.code_hash not in page.content.decode()
    assert client.get(f"{PATH}add/").status_code == 403


def test_it_is_revoked_once_by_those_who_may_and_noted(staff: Staff, act: Act, made: invitations.Created) -> None:
    act(staff("view_invitation", "see_private"), PATH, "revoke", made.invitation)
    assert Invitation.objects.get().revoked_at is None
    client = staff("view_invitation", "change_invitation", "see_private")
    assert "1 invitation was revoked." in act(client, PATH, "revoke", made.invitation)
    assert "0 invitations were revoked." in act(client, PATH, "revoke", made.invitation)
    assert Invitation.objects.get().revoked_at is not None
    entry = AuditEntry.objects.get(action="revoke-invitation")
    assert (entry.door, entry.room_name) == ("admin", "garden")
