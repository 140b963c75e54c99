"""Users: their roles, and the stamp that ends what they had open."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import SignIn, User
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("fields", "roles"),
    [
        ({}, ("user",)),
        ({"is_staff": True}, ("user", "moderator")),
        ({"is_superuser": True}, ("user", "moderator", "admin")),
    ],
)
def test_flags_give_roles(fields: dict[str, Any], roles: tuple[str, ...]) -> None:
    assert make_user(**fields).roles == roles


@pytest.mark.parametrize(("group", "roles"), [("moderator", ("user", "moderator")), ("readers", ("user",))])
def test_groups_of_a_roles_name_give_it(group: str, roles: tuple[str, ...]) -> None:
    user = make_user()
    user.groups.add(Group.objects.create(name=group))
    assert user.roles == roles


def test_the_stamp_stays_while_nothing_changes() -> None:
    user = make_user()
    user.email, user.is_staff = "alice@example.org", True
    user.save()
    assert User.objects.get(pk=user.pk).stamp() == user.stamp()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda user: user.set_password("another-password"), id="password"),
        pytest.param(lambda user: setattr(user, "token_epoch", 1), id="epoch"),
        pytest.param(lambda user: setattr(user, "is_active", False), id="deactivation"),
    ],
)
def test_the_stamp_changes_with_what_must_end_every_token(change: Callable[[User], None]) -> None:
    user = make_user()
    before = user.stamp()
    change(user)
    assert user.stamp() != before


def test_two_users_of_one_password_hash_have_two_stamps() -> None:
    alice, bob = make_user(), make_user()
    bob.password = alice.password
    assert alice.stamp() != bob.stamp()


def test_raising_the_epoch_ends_a_browsers_session(client: Client) -> None:
    user = make_user()
    client.force_login(user)
    assert client.get("/api/me").status_code == 200
    User.objects.filter(pk=user.pk).update(token_epoch=1)
    assert client.get("/api/me").status_code == 401


def test_a_sign_in_goes_with_its_user() -> None:
    user = make_user()
    user.sign_ins.create(expires_at=user.date_joined)
    user.delete()
    assert not SignIn.objects.exists()
