"""Finding people over HTTP."""

import pytest
from django.test import Client

from accounts.models import User
from tests.support.api import refused
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def test_people_are_found(api: Client, alice: User) -> None:
    bob = make_user("bob")
    answer = api.get("/api/users/?query=BO")
    assert answer.json() == {"type": "users", "query": "BO", "users": [{"id": str(bob.pk), "username": "bob"}]}


@pytest.mark.parametrize("query", ["", "?query=", "?query=a&limit=0", "?query=a%00"])
def test_a_bad_question_is_refused(api: Client, query: str) -> None:
    assert refused(api.get(f"/api/users/{query}"), 400, "bad-frame")


def test_nobody_finds_people_without_signing_in() -> None:
    assert refused(Client().get("/api/users/?query=bo"), 401, "auth-required")
