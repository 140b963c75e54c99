"""Blocks over HTTP."""

import pytest
from django.test import Client

from accounts.models import User
from rooms.models import Block
from tests.support.api import refused
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def test_people_are_blocked_listed_and_unblocked(api: Client, alice: User) -> None:
    bob = make_user("bob")
    blocked = {"type": "blocks", "users": [{"id": str(bob.pk), "username": "bob"}]}
    for answer in (api.put("/api/blocks/bob"), api.put("/api/blocks/bob/"), api.get("/api/blocks")):
        assert (answer.status_code, answer.json()) == (200, blocked)
    assert Block.objects.get().blocker == alice
    assert api.delete("/api/blocks/bob").json()["users"] == []
    assert not Block.objects.exists()


@pytest.mark.parametrize(("name", "status", "code"), [("alice", 409, "conflict"), ("nobody", 404, "no-such-user")])
def test_oneself_and_nobody_are_refused(api: Client, name: str, status: int, code: str) -> None:
    assert refused(api.put(f"/api/blocks/{name}"), status, code)


def test_nobody_blocks_without_signing_in() -> None:
    assert refused(Client().get("/api/blocks"), 401, "auth-required")
    assert refused(Client().put("/api/blocks/bob"), 401, "auth-required")
