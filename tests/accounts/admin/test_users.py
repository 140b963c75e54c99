"""People in the admin: who can be moderated by whom, and that passwords and sign-ins stay right."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ExternalIdentity, SignIn, User
from rooms.callers import ADMINISTER, roles
from tests.support.factories import PASSWORD, find_permission, make_user

pytestmark = pytest.mark.django_db
USERS, SIGN_INS = "/admin/chat_accounts/user/", "/admin/chat_accounts/signin/"
NEW_PASSWORD = "quite-another-one"


def signed_in(*permissions: str, **flags: bool) -> tuple[Client, User]:
    user = make_user(is_staff=True, **flags)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client, user


@pytest.fixture
def moderator() -> Client:
    return signed_in("view_user", "change_user", "view_signin", "change_signin")[0]


@pytest.fixture
def superuser() -> Client:
    return signed_in(is_superuser=True)[0]


def make_sign_in(user: User, **fields: Any) -> SignIn:
    expires_at = timezone.now() + timedelta(days=1)
    return SignIn.objects.create(user=user, expires_at=expires_at, **fields)


def act(client: Client, path: str, action: str, *records: User | SignIn) -> str:
    """Runs an action on the records and answers the page that follows."""
    form = {"action": action, "_selected_action": [record.pk for record in records]}
    response = client.post(path, form, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def user_form(user: User, **changes: Any) -> dict[str, Any]:
    form = {"username": user.username, "email": user.email, "is_active": "on" if user.is_active else ""}
    return {name: value for name, value in (form | changes).items() if value}


# --- Users ------------------------------------------------------------------------------------------------------------
def test_a_user_is_made_with_a_hashed_password(superuser: Client) -> None:
    form = {"username": "dave", "usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    superuser.post(f"{USERS}add/", form)
    assert User.objects.get(username="dave").check_password(NEW_PASSWORD)


@pytest.mark.parametrize("name", ["ALICE", "Ａｌｉｃｅ", "\u3164", "a\u200bb"])
def test_a_name_that_is_taken_or_shows_nothing_is_refused(superuser: Client, name: str) -> None:
    make_user("alice")
    bob = make_user("bob")
    form = {"username": name, "usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert superuser.post(f"{USERS}add/", form).status_code == 200
    assert superuser.post(f"{USERS}{bob.pk}/change/", user_form(bob, username=name)).status_code == 200
    bob.refresh_from_db()
    assert bob.username == "bob"
    assert User.objects.count() == 3


@pytest.mark.parametrize(("typed", "stored", "key"), [("ALICE", "ALICE", "alice"), ("Zoe\u0301", "Zoé", "zoé")])
def test_a_user_is_renamed_with_the_key(superuser: Client, typed: str, stored: str, key: str) -> None:
    alice = make_user("alice")
    assert superuser.post(f"{USERS}{alice.pk}/change/", user_form(alice, username=typed)).status_code == 302
    alice.refresh_from_db()
    assert (alice.username, alice.username_key) == (stored, key)


def test_a_password_is_changed_and_never_shown(moderator: Client) -> None:
    alice = make_user("alice")
    page = moderator.get(f"{USERS}{alice.pk}/change/").content.decode()
    assert alice.password not in page
    moderator.post(f"{USERS}{alice.pk}/password/", {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    alice.refresh_from_db()
    assert alice.check_password(NEW_PASSWORD)


def test_saving_a_user_keeps_the_password(moderator: Client) -> None:
    alice = make_user("alice")
    moderator.post(f"{USERS}{alice.pk}/change/", user_form(alice, email="alice@example.com"))
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    assert alice.check_password(PASSWORD)


def test_saving_a_user_does_not_undo_a_sign_out(moderator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = make_user("alice")
    opened = User.objects.get(pk=alice.pk)
    User.objects.filter(pk=alice.pk).update(token_epoch=5)
    monkeypatch.setattr("accounts.admin.users.UserAdmin.get_object", lambda *_args, **_kwargs: opened)
    moderator.post(f"{USERS}{alice.pk}/change/", user_form(alice, email="alice@example.com"))
    alice.refresh_from_db()
    assert (alice.email, alice.token_epoch) == ("alice@example.com", 5)


def test_users_are_deactivated_and_it_is_written_down(moderator: Client) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    assert "2 users were deactivated." in act(moderator, USERS, "deactivate", alice, bob)
    assert not User.objects.filter(username__in=["alice", "bob"], is_active=True).exists()
    assert {entry.change_message for entry in LogEntry.objects.all()} == {"Deactivated."}


def test_a_deactivated_user_is_announced(
    moderator: Client, announced: list[list[str]], django_capture_on_commit_callbacks: Any
) -> None:
    alice = make_user("alice")
    with django_capture_on_commit_callbacks(execute=True):
        act(moderator, USERS, "deactivate", alice)
    assert announced == [[str(alice.pk)]]


def test_users_are_signed_out_everywhere(moderator: Client) -> None:
    alice = make_user("alice")
    before = alice.stamp()
    assert "1 user was signed out everywhere." in act(moderator, USERS, "sign_out_everywhere", alice)
    alice.refresh_from_db()
    assert alice.stamp() != before
    assert alice.is_active


@pytest.mark.parametrize("action", ["deactivate", "sign_out_everywhere"])
def test_acting_on_many_users_takes_as_many_statements_as_on_two(moderator: Client, action: str) -> None:
    counts = []
    for number in (1, 2, 20):  # the first one fills Django's cache of content types
        form = {"action": action, "_selected_action": [make_user().pk for _ in range(number)]}
        with CaptureQueriesContext(connection) as statements:
            moderator.post(USERS, form)
        counts.append(len(statements))
    assert counts[1] == counts[2]


def test_revoking_many_sign_ins_takes_as_many_statements_as_two(moderator: Client) -> None:
    counts = []
    for number in (1, 2, 20):  # the first one fills Django's cache of content types
        form = {"action": "revoke", "_selected_action": [make_sign_in(make_user()).pk for _ in range(number)]}
        with CaptureQueriesContext(connection) as statements:
            moderator.post(SIGN_INS, form)
        counts.append(len(statements))
    assert counts[1] == counts[2]


def test_nobody_deactivates_themselves() -> None:
    client, me = signed_in(is_superuser=True)
    assert "0 users were deactivated." in act(client, USERS, "deactivate", me)
    me.refresh_from_db()
    assert me.is_active


def test_who_may_only_look_does_nothing() -> None:
    client, _ = signed_in("view_user", "view_signin")
    alice = make_user("alice")
    sign_in = make_sign_in(alice)
    act(client, USERS, "deactivate", alice)
    act(client, SIGN_INS, "revoke", sign_in)
    alice.refresh_from_db()
    sign_in.refresh_from_db()
    assert alice.is_active
    assert sign_in.revoked_at is None


def of_rank(rank: str) -> User:
    if rank in ("is_staff", "is_superuser"):
        return make_user("above", **{rank: True})
    user, group = make_user("above"), Group.objects.create()
    group.permissions.add(find_permission(f"chat_rooms.{rank}"))
    user.groups.add(group)
    return user


@pytest.mark.parametrize("rank", ["is_staff", "is_superuser", "moderate", "administer"])
def test_staff_cannot_touch_those_of_their_own_rank_or_above(moderator: Client, rank: str) -> None:
    above = of_rank(rank)
    act(moderator, USERS, "deactivate", above)
    act(moderator, USERS, "sign_out_everywhere", above)
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert moderator.post(f"{USERS}{above.pk}/password/", form).status_code == 403
    assert moderator.post(f"{USERS}{above.pk}/change/", user_form(above, email="x@example.com")).status_code == 403
    after = User.objects.get(pk=above.pk)
    assert after.stamp() == above.stamp()
    assert after.email == ""


def test_staff_cannot_raise_anybody(moderator: Client) -> None:
    alice = make_user("alice")
    group, administer = Group.objects.create(name="admins"), find_permission(ADMINISTER)
    group.permissions.add(administer)
    ranks = {"groups": [group.pk], "user_permissions": [administer.pk]}
    changes = {"is_staff": "on", "is_superuser": "on", **ranks}
    assert moderator.post(f"{USERS}{alice.pk}/change/", user_form(alice, **changes)).status_code == 302
    alice = User.objects.get(pk=alice.pk)
    assert (alice.is_staff, roles(alice)) == (False, ("user",))
    assert not alice.user_permissions.exists()


def test_a_superuser_gives_ranks(superuser: Client) -> None:
    alice = make_user("alice")
    superuser.post(f"{USERS}{alice.pk}/change/", user_form(alice, is_staff="on"))
    alice.refresh_from_db()
    assert alice.is_staff


def test_a_user_is_deleted_with_their_sign_ins_and_identities(superuser: Client) -> None:
    alice = make_user("alice")
    make_sign_in(alice)
    ExternalIdentity.objects.create(user=alice, issuer="https://login.example.com/", subject="7")
    superuser.post(f"{USERS}{alice.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(username="alice").exists()
    assert not SignIn.objects.filter(user__username="alice").exists()
    assert SignIn.objects.count() == 1
    assert not ExternalIdentity.objects.exists()


# --- Sign-ins ---------------------------------------------------------------------------------------------------------
def test_sign_ins_are_revoked(moderator: Client, django_capture_on_commit_callbacks: Any) -> None:
    sign_in, other = make_sign_in(make_user("alice")), make_sign_in(make_user("bob"))
    with django_capture_on_commit_callbacks() as announced:
        assert "1 sign-in was revoked." in act(moderator, SIGN_INS, "revoke", sign_in)
    sign_in.refresh_from_db()
    other.refresh_from_db()
    assert sign_in.revoked_at is not None
    assert other.revoked_at is None
    assert announced


def test_a_sign_in_revoked_already_keeps_its_time(moderator: Client) -> None:
    before = timezone.now() - timedelta(days=1)
    sign_in = make_sign_in(make_user("alice"), revoked_at=before)
    assert "0 sign-ins were revoked." in act(moderator, SIGN_INS, "revoke", sign_in)
    sign_in.refresh_from_db()
    assert sign_in.revoked_at == before


def test_sign_ins_can_be_read_only(superuser: Client) -> None:
    sign_in = make_sign_in(make_user("alice"), address="10.0.0.7", user_agent="Browser 1")
    page = superuser.get(f"{SIGN_INS}{sign_in.pk}/change/").content.decode()
    assert "10.0.0.7" in page
    assert superuser.post(f"{SIGN_INS}{sign_in.pk}/change/", {}).status_code == 403
    assert superuser.post(f"{SIGN_INS}{sign_in.pk}/delete/", {"post": "yes"}).status_code == 403
    assert superuser.get(f"{SIGN_INS}add/").status_code == 403


# --- External identities ----------------------------------------------------------------------------------------------
def test_external_identities_are_listed_and_can_be_read_only(superuser: Client) -> None:
    path = "/admin/chat_accounts/externalidentity/"
    identity = ExternalIdentity.objects.create(
        user=make_user("alice"), issuer="https://login.example.com/", subject="7"
    )
    page = superuser.get(path, {"q": "alice"}).content.decode()
    assert "https://login.example.com/" in page
    assert superuser.get(f"{path}{identity.pk}/change/").status_code == 200
    assert superuser.post(f"{path}{identity.pk}/change/", {"subject": "8"}).status_code == 403
    assert superuser.post(f"{path}{identity.pk}/delete/", {"post": "yes"}).status_code == 403
    assert superuser.get(f"{path}add/").status_code == 403
