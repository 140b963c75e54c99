"""How REST knows its caller: what a header must be, and that any other is left to sessions."""

from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts import services
from rooms.authentication import BearerAuthentication, bearer
from rooms.errors import AuthRequired
from tests.support.factories import make_user


def request_with(header: str | None) -> Request:
    headers = {} if header is None else {"Authorization": header}
    return Request(APIRequestFactory().get("/api/me", headers=headers))


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER   abc ", "abc"),
        ("Bearer", ""),
        ("Bearer a b", "a b"),
        ("Basic YTpi", None),
        ("", None),
        (None, None),
    ],
)
def test_a_token_is_what_follows_the_scheme(header: str | None, token: str | None) -> None:
    assert bearer(request_with(header)) == token


@pytest.mark.django_db
def test_a_token_gives_its_user_in_two_queries_and_the_caller(django_assert_num_queries: Any) -> None:
    alice = make_user("alice")
    request = request_with(f"Bearer {services.open_sign_in(user=alice).access}")
    with django_assert_num_queries(2):  # the user with the sign-in, whether they are banned
        found = BearerAuthentication().authenticate(request)
    assert found is not None
    user, caller = found
    assert (user, caller.user) == (alice, alice)


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["Bearer", "Bearer nonsense"])
def test_a_token_that_is_nobodys_is_refused(header: str) -> None:
    with pytest.raises(AuthRequired):
        BearerAuthentication().authenticate(request_with(header))


@pytest.mark.parametrize("header", [None, "", "Basic YTpi"])
def test_any_other_header_is_left_to_others(header: str | None) -> None:
    assert BearerAuthentication().authenticate(request_with(header)) is None


@pytest.mark.django_db
def test_where_no_tokens_are_read_one_is_refused(settings: Any) -> None:
    settings.CHAT_TOKEN_READER = None
    with pytest.raises(AuthRequired):
        BearerAuthentication().authenticate(request_with("Bearer abc"))


def test_who_is_refused_learns_how_to_come() -> None:
    assert BearerAuthentication().authenticate_header(request_with(None)) == "Bearer"
