"""What ends a sign-in is announced, whoever writes it; what changes nothing is not."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import SignIn, User
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice")


def sign_in_of(user: User, *, hours: int = 1, **fields: Any) -> SignIn:
    return SignIn.objects.create(user=user, expires_at=timezone.now() + timedelta(hours=hours), **fields)


def test_a_sign_in_that_is_revoked_or_deleted_is_announced_after_the_commit(
    alice: User, announced: list[list[str]], django_capture_on_commit_callbacks: Any
) -> None:
    open_one, revoked = sign_in_of(alice), sign_in_of(alice)
    revoked.revoked_at = timezone.now()
    for change in (open_one.delete, revoked.save):
        with django_capture_on_commit_callbacks(execute=True):
            change()
            assert announced == []
        assert announced == [[str(alice.pk)]]
        announced.clear()


def test_what_ends_no_sign_in_is_not_announced(
    alice: User, announced: list[list[str]], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        sign_in_of(alice).save()
        sign_in_of(alice, hours=-1).delete()
    alice.sign_ins.update(revoked_at=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        alice.sign_ins.all().delete()
    assert announced == []


def test_a_user_who_is_deleted_with_many_sign_ins_is_announced_once(
    alice: User, announced: list[list[str]], django_capture_on_commit_callbacks: Any
) -> None:
    for _ in range(3):
        sign_in_of(alice)
    for delete in (User.objects.filter(pk=alice.pk).delete, make_user("bob").delete):
        with django_capture_on_commit_callbacks(execute=True):
            delete()
    assert len(announced) == 2
    assert announced[0] == [str(alice.pk)]
