"""Invitations in the admin: the code is shown once, and a revoked one lets nobody in."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts import registration
from accounts.models import Invitation, User
from rooms.errors import InvalidInvitation
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db
PATH = "/admin/chat_accounts/invitation/"
FORM = {"note": "for the choir", "uses": "3", "expires_at_0": "2099-01-01", "expires_at_1": "00:00"}


@pytest.fixture
def staff(settings: Any) -> Client:
    settings.CHAT_REGISTRATION = "invitation"
    user = make_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__endswith="_invitation"))
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


def made(staff: Client) -> tuple[str, str]:
    """The code and the link of a new invitation, from the page that shows them."""
    response = staff.post(f"{PATH}add/", FORM)
    assert "no-store" in response["Cache-Control"]
    page = response.content.decode()
    code, link = (re.search(f'id="invitation-{name}">([^<]+)<', page) for name in ("code", "link"))
    assert code
    assert link
    return code[1], html.unescape(link[1])


def register(code: str) -> User:
    return registration.register(username="dora", password="a-long-way-home", invitation=code)


def test_a_new_invitation_is_shown_once_and_works(staff: Client) -> None:
    code, link = made(staff)
    assert link == f"http://testserver/accounts/register/?invitation={code}"
    invitation = Invitation.objects.get()
    assert (invitation.uses, invitation.note, invitation.created_by) == (3, "for the choir", User.objects.get())
    for path in (PATH, f"{PATH}{invitation.pk}/change/", f"{PATH}{invitation.pk}/history/"):
        assert code not in staff.get(path).content.decode()
    register(code)
    assert Invitation.objects.get().used == 1


def test_a_revoked_invitation_lets_nobody_in(staff: Client) -> None:
    code, _ = made(staff)
    form = {"action": "revoke", "_selected_action": [Invitation.objects.get().pk]}
    assert "1 invitation was revoked." in staff.post(PATH, form, follow=True).content.decode()
    assert "0 invitations were revoked." in staff.post(PATH, form, follow=True).content.decode()
    with pytest.raises(InvalidInvitation):
        register(code)


def test_an_invitation_for_nobody_is_refused(staff: Client) -> None:
    staff.post(f"{PATH}add/", {**FORM, "uses": "0"})
    assert not Invitation.objects.exists()


def test_nobody_changes_or_makes_one_without_the_permission(staff: Client) -> None:
    made(staff)
    path = f"{PATH}{Invitation.objects.get().pk}/change/"
    assert staff.post(path, {**FORM, "uses": "99"}).status_code == 403
    User.objects.get().user_permissions.set(Permission.objects.filter(codename="view_invitation"))
    assert staff.post(f"{PATH}add/", FORM).status_code == 403
    staff.post(PATH, {"action": "revoke", "_selected_action": [Invitation.objects.get().pk]})
    invitation = Invitation.objects.get()
    assert (invitation.uses, invitation.revoked_at) == (3, None)
