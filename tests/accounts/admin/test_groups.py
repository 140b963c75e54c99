"""Who is an admin is decided by superusers: no form of the admin lets staff raise themselves or anybody else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.models import User
from rooms.callers import ADMINISTER, MODERATE, roles
from tests.support.factories import find_permission, make_user

pytestmark = pytest.mark.django_db
GROUPS, USERS = "/admin/auth/group/", "/admin/chat_accounts/user/"
RANKS = ("moderate", "administer")
Post = Callable[["World"], tuple[str, dict[str, Any]]]


class World:
    """Staff with every permission that gives no role, somebody without any, and a group of admins that has nobody."""

    def __init__(self) -> None:
        self.me, self.alice = make_user("staff", is_staff=True), make_user("alice")
        self.me.user_permissions.set(Permission.objects.exclude(codename__in=RANKS))
        self.administer, self.moderate = find_permission(ADMINISTER), find_permission(MODERATE)
        self.admins, self.mine = Group.objects.create(name="admins"), Group.objects.create(name="mine")
        self.admins.permissions.add(self.administer)
        self.me.groups.add(self.mine)
        self.client = Client(headers={"Accept-Language": "en"})
        self.client.force_login(self.me)

    def ranks(self) -> dict[str, Any]:
        users = User.objects.exclude(is_superuser=True, username="root").order_by("pk")
        return {user.username: (user.is_staff, user.is_superuser, roles(user), user.groups.count()) for user in users}


def _rank(world: World) -> dict[str, Any]:
    permissions = [world.administer.pk, world.moderate.pk]
    return {
        "is_staff": "on", "is_superuser": "on", "is_active": "on", "groups": [world.admins.pk],
        "user_permissions": permissions,
    }  # fmt: skip


def _password() -> dict[str, str]:
    return {"usable_password": "true", "password1": "quite-another-one", "password2": "quite-another-one"}


POSTS: dict[str, Post] = {
    "a group is made": lambda w: (f"{GROUPS}add/", {"name": "new", "permissions": [w.administer.pk]}),
    "a group is made in a popup": lambda w: (f"{GROUPS}add/?_popup=1", {"name": "new", "_popup": "1"}),
    "their group is given permissions": lambda w: (
        f"{GROUPS}{w.mine.pk}/change/", {"name": "mine", "permissions": [w.administer.pk, w.moderate.pk]}
    ),
    "their group takes the name of another": lambda w: (f"{GROUPS}{w.mine.pk}/change/", {"name": "Moderators"}),
    "a group is saved as new": lambda w: (f"{GROUPS}{w.admins.pk}/change/", {"name": "copy", "_saveasnew": "1"}),
    "a group is deleted": lambda w: (f"{GROUPS}{w.admins.pk}/delete/", {"post": "yes"}),
    "groups are deleted by the action": lambda w: (
        GROUPS, {"action": "delete_selected", "_selected_action": [w.admins.pk], "post": "yes"}
    ),
    "groups are changed in the list": lambda w: (
        GROUPS,
        {
            "form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": w.mine.pk, "form-0-name": "Moderators",
            "form-0-permissions": [w.administer.pk], "_save": "Save",
        },
    ),
    "a user is made with a rank": lambda w: (f"{USERS}add/", {"username": "dave", **_password(), **_rank(w)}),
    "a user is made with a rank in a popup": lambda w: (
        f"{USERS}add/?_popup=1", {"username": "dave", "_popup": "1", **_password(), **_rank(w)}
    ),
    "somebody is given a rank": lambda w: (
        f"{USERS}{w.alice.pk}/change/", {"username": "alice", **_rank(w)}
    ),
    "they give themselves a rank": lambda w: (f"{USERS}{w.me.pk}/change/", {"username": "staff", **_rank(w)}),
    "users are changed in the list": lambda w: (
        USERS,
        {
            "form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": w.alice.pk, "_save": "Save",
            **{f"form-0-{name}": value for name, value in _rank(w).items()},
        },
    ),
}  # fmt: skip


@pytest.fixture
def world() -> World:
    return World()


def groups() -> dict[str, set[str]]:
    return {
        group.name: set(group.permissions.values_list("codename", flat=True))
        for group in Group.objects.prefetch_related("permissions")
    }


@pytest.mark.parametrize("post", POSTS.values(), ids=POSTS)
def test_staff_with_every_other_permission_raise_nobody(world: World, post: Post) -> None:
    before, groups_before = world.ranks(), groups()
    path, form = post(world)
    world.client.post(path, form)
    after = world.ranks()
    assert after.pop("dave", (False, False, ("user",), 0)) == (False, False, ("user",), 0)
    assert (after, groups()) == (before, groups_before)


def test_a_superuser_is_not_stopped_by_the_same_forms(world: World) -> None:
    root = make_user("root", is_staff=True, is_superuser=True)
    world.client.force_login(root)
    path, form = POSTS["their group is given permissions"](world)
    assert world.client.post(path, form).status_code == 302
    assert groups()["mine"] == set(RANKS)
    assert roles(User.objects.get(pk=world.me.pk)) == ("user", "moderator", "admin")
    path, form = POSTS["somebody is given a rank"](world)
    assert world.client.post(path, form).status_code == 302
    assert world.ranks()["alice"] == (True, True, ("user", "moderator", "admin"), 1)


def test_staff_may_look_at_groups(world: World) -> None:
    assert "admins" in world.client.get(GROUPS).content.decode()
    page = world.client.get(f"{GROUPS}{world.admins.pk}/change/").content.decode()
    assert 'name="_save"' not in page


def test_the_lists_to_choose_from_tell_staff_nothing_they_may_not_see(world: World) -> None:
    world.me.user_permissions.clear()
    query = {"app_label": "chat_accounts", "model_name": "user", "field_name": "groups", "term": "a"}
    assert world.client.get("/admin/autocomplete/", query).status_code == 403
