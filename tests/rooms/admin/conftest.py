"""Staff with exactly the permissions a test names, and what they do on the admin's pages."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

Staff = Callable[..., "Client"]
Act = Callable[..., str]


@pytest.fixture
def staff(db: None) -> Staff:
    """Signs somebody in who has these permissions: `staff("view_room")`."""
    from django.contrib.auth.models import Permission
    from django.test import Client

    from tests.support.factories import make_user

    def sign_in(*permissions: str) -> "Client":
        user = make_user(is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client(headers={"Accept-Language": "en"})
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def moderator(staff: Staff) -> "Client":
    return staff(
        "view_room", "change_room", "add_room", "delete_room", "view_message", "delete_message",
        "view_membership", "add_membership", "change_membership", "delete_membership", "see_private",
    )  # fmt: skip


@pytest.fixture
def act() -> Act:
    """Runs an action on records and answers the page that follows: `act(client, path, "close", room)`."""

    def post(client: "Client", path: str, action: str, *records: Any, **fields: str) -> str:
        form = {"action": action, "_selected_action": [record.pk for record in records], **fields}
        response = client.post(path, form, follow=True)
        assert response.status_code == 200
        return response.content.decode()

    return post
