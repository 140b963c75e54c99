"""Claims that no honest token has, at every door of REST: refused, never a fault. The socket's are in the flows."""

from typing import Any

import pytest
from django.test import Client

from accounts import services
from accounts.models import User
from tests.support.claims import ABSURD, resigned, with_claim
from tests.support.factories import make_user
from tests.support.issuers import AUDIENCE, SECRET, claims

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture(autouse=True)
def _unlimited(settings: Any) -> None:
    settings.CHAT_SIGN_IN_ADDRESS_FAILURES = 0


def is_refused(response: Any) -> bool:
    return response.status_code == 401 and response.json()["code"] in {"auth-required", "auth-expired"}


def bearer(token: str) -> Any:
    return Client().get("/api/me", headers={"Authorization": f"Bearer {token}"})


def post(path: str, **body: str) -> Any:
    return Client().post(path, body, content_type="application/json")


@pytest.mark.parametrize("claim", ["exp", "userId", "stamp", "signIn", "token_type"])
def test_an_access_token_with_an_absurd_claim_is_refused(alice: User, claim: str) -> None:
    token = services.open_sign_in(user=alice).access
    assert [value for value in ABSURD if not is_refused(bearer(with_claim(token, claim, value)))] == []
    assert bearer(token).status_code == 200


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_time_of_issue_that_is_none_is_refused(alice: User, claim: str) -> None:
    token = services.open_sign_in(user=alice).access
    past = {"-1", "1.5", "true"}
    assert {value for value in ABSURD if not is_refused(bearer(with_claim(token, claim, value)))} == past


@pytest.mark.parametrize("claim", ["exp", "userId", "stamp", "signIn", "token_type", "generation"])
def test_a_refresh_token_with_an_absurd_claim_is_refused_and_signs_out_without_a_fault(alice: User, claim: str) -> None:
    token = services.open_sign_in(user=alice).refresh
    for value in ABSURD:
        absurd = with_claim(token, claim, value)
        assert is_refused(post("/api/auth/refresh", refresh=absurd)), value
        assert post("/api/auth/logout", refresh=absurd).status_code == 204, value


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "sub"])
def test_a_foreign_token_with_an_absurd_claim_is_refused(settings: Any, claim: str) -> None:
    settings.CHAT_ISSUERS = [{"issuer": "partner", "audience": AUDIENCE, "secret": SECRET, "create": True}]
    names = {'"x"', "-1", str(2**62), str(2**63), str(2**64), str(2**70)} if claim == "sub" else set()
    for value in ABSURD:
        answer = post("/api/auth/exchange", token=resigned(claims(iss="partner"), claim, value, SECRET))
        assert answer.status_code == 200 if value in names else is_refused(answer), value


def test_a_token_that_ends_in_the_last_second_of_the_calendar_is_good(alice: User) -> None:
    assert bearer(with_claim(services.open_sign_in(user=alice).access, "exp", "253402300799")).status_code == 200
