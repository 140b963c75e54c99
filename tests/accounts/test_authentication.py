"""Whose access token this is, and what ends it."""

import time
from typing import Any

import pytest
import time_machine

from accounts import authentication, services, tokens
from accounts.models import User
from rooms.conf import conf
from rooms.errors import AuthExpired, AuthRequired
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def token(alice: User) -> str:
    return services.open_sign_in(user=alice).access


def test_a_token_gives_its_user_and_its_end_in_one_query(
    alice: User, token: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        caller = authentication.by_token(token)
    assert caller.user == alice
    assert caller.expires_at == pytest.approx(time.time() + conf.CHAT_ACCESS_MINUTES * 60, abs=60)


def test_the_user_is_todays_and_not_the_tokens(alice: User, token: str) -> None:
    User.objects.filter(pk=alice.pk).update(username="alicia")
    assert authentication.by_token(token).user.username == "alicia"


def test_a_token_without_a_sign_in_is_as_good(alice: User) -> None:
    token = tokens.issue_access(user_id=alice.pk, username="alice", roles=(), stamp=alice.stamp())
    assert authentication.by_token(token).user == alice


@pytest.mark.parametrize("kind", ["nonsense", "", "refresh"])
def test_what_is_no_access_token_is_refused(alice: User, kind: str) -> None:
    text = services.open_sign_in(user=alice).refresh if kind == "refresh" else kind
    with pytest.raises(AuthRequired):
        authentication.by_token(text)


def test_an_expired_token_says_so(token: str) -> None:
    with time_machine.travel(time.time() + conf.CHAT_ACCESS_MINUTES * 60 + 60), pytest.raises(AuthExpired):
        authentication.by_token(token)


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}, {"token_epoch": 1}])
def test_a_token_from_before_a_change_is_refused(alice: User, token: str, change: dict[str, Any]) -> None:
    User.objects.filter(pk=alice.pk).update(**change)
    with pytest.raises(AuthRequired):
        authentication.by_token(token)


def test_a_deleted_users_token_is_refused(alice: User, token: str) -> None:
    alice.delete()
    with pytest.raises(AuthRequired):
        authentication.by_token(token)


def test_a_revoked_sign_ins_token_is_refused(token: str) -> None:
    services.sign_out(token=token)
    with pytest.raises(AuthRequired, match="Signed out"):
        authentication.by_token(token)


def test_a_sign_in_of_another_user_is_none_of_theirs(alice: User) -> None:
    sign_in = make_user("bob").sign_ins.create(expires_at=alice.date_joined)
    token = tokens.issue_access(user_id=alice.pk, username="alice", roles=(), stamp=alice.stamp(), sign_in=sign_in.pk)
    with pytest.raises(AuthRequired, match="Signed out"):
        authentication.by_token(token)
