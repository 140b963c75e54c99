"""Tokens: what is written is read again, and nothing else is."""

import base64
import json
import time
import uuid
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from accounts import tokens
from rooms.conf import conf
from rooms.errors import AuthExpired, AuthRequired

SIGN_IN = uuid.uuid4()
LEEWAY_S = 30


def access(**changes: Any) -> str:
    claims = {"user_id": 7, "username": "alice", "roles": ("user", "admin"), "stamp": "abc", "sign_in": SIGN_IN}
    return tokens.issue_access(**{**claims, **changes})


def refresh() -> str:
    return tokens.issue_refresh(user_id=7, stamp="abc", sign_in=SIGN_IN, generation=3)


def signed(*, key: str = settings.JWT_SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    honest = {"token_type": "access", "jti": "1", "exp": time.time() + 60}
    honest |= {"userId": "7", "username": "alice", "roles": [], "stamp": "abc"}
    return jwt.encode({**honest, **claims}, key, algorithm=algorithm)


def test_an_access_token_says_who_calls() -> None:
    claims = tokens.read_access(access())
    assert (claims.user_id, claims.username, claims.roles) == (7, "alice", ("user", "admin"))
    assert (claims.stamp, claims.sign_in) == ("abc", SIGN_IN)


def test_an_access_token_need_not_belong_to_a_sign_in() -> None:
    assert tokens.read_access(access(sign_in=None)).sign_in is None


def test_the_claims_have_the_names_that_clients_know() -> None:
    payload = jwt.decode(access(), settings.JWT_SECRET, algorithms=["HS256"])
    assert (payload["userId"], payload["username"], payload["roles"]) == ("7", "alice", ["user", "admin"])
    assert payload["signIn"] == str(SIGN_IN)


def test_a_refresh_token_names_its_sign_in_and_generation() -> None:
    claims = tokens.read_refresh(refresh())
    assert (claims.user_id, claims.stamp, claims.sign_in, claims.generation) == (7, "abc", SIGN_IN, 3)


def test_a_token_ends_with_its_lifetime_and_the_leeway() -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        token = access()
        assert tokens.read_access(token).expires_at.timestamp() == 1_800_000_000 + conf.CHAT_ACCESS_MINUTES * 60
        clock.shift(timedelta(minutes=conf.CHAT_ACCESS_MINUTES, seconds=LEEWAY_S - 1))
        assert tokens.read_access(token).username == "alice"
        clock.shift(timedelta(seconds=1))
        with pytest.raises(AuthExpired):
            tokens.read_access(token)


def test_a_refresh_token_has_the_same_leeway() -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        token = refresh()
        clock.shift(timedelta(days=conf.CHAT_REFRESH_DAYS, seconds=LEEWAY_S - 1))
        assert tokens.read_refresh(token).generation == 3
        clock.shift(timedelta(seconds=1))
        with pytest.raises(AuthExpired):
            tokens.read_refresh(token)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_of_a_machine_whose_clock_is_ahead_is_good_within_the_leeway(claim: str) -> None:
    with time_machine.travel(1_800_000_000, tick=False):
        assert tokens.read_access(signed(**{claim: 1_800_000_000 + LEEWAY_S})).username == "alice"
        with pytest.raises(AuthRequired) as refusal:
            tokens.read_access(signed(**{claim: 1_800_000_000 + LEEWAY_S + 1}))
        assert refusal.type is AuthRequired


def test_a_refresh_token_is_no_access_token() -> None:
    with pytest.raises(AuthRequired):
        tokens.read_access(refresh())


def test_an_access_token_is_no_refresh_token() -> None:
    with pytest.raises(AuthRequired):
        tokens.read_refresh(access())


def test_either_kind_is_read_when_both_will_do() -> None:
    assert isinstance(tokens.read_any(access()), tokens.Access)
    assert isinstance(tokens.read_any(refresh()), tokens.Refresh)
    assert tokens.read_any("neither") is None


def test_a_token_as_ours_is_read() -> None:
    assert tokens.read_access(signed()).username == "alice"  # so that the next two tests refuse for their own reason


def _unsigned() -> str:
    parts = [{"alg": "none", "typ": "JWT"}, jwt.decode(signed(), options={"verify_signature": False})]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(signed(key="another-secret-of-32-characters-or-more"), id="another secret"),
        pytest.param(signed(algorithm="HS512", key=settings.JWT_SECRET * 2), id="another algorithm, another secret"),
        pytest.param(signed(algorithm="HS384"), id="another algorithm"),
        pytest.param(_unsigned(), id="no signature"),
        pytest.param(signed(userId="seven"), id="user id"),
        pytest.param(signed(signIn="x"), id="sign-in"),
        pytest.param(signed(userId=1e400), id="endless user id"),
        pytest.param(signed(roles=None), id="roles"),
        *(
            pytest.param(signed(**{claim: value}), id=f"{claim} {str(value)[:12]}")
            for claim in ("exp", "iat", "nbf")
            for value in ("soon", [], {}, None, 1e400, -1e400, float("nan"), 2**40 * 1.0, 10**18, 10**400)
        ),
        pytest.param(signed(exp=str(int(time.time()) + 60)), id="exp as a text"),
        pytest.param(signed() + "A" * tokens.MAX_CHARS, id="too long"),
        pytest.param("\ud800", id="lone surrogate"),
        pytest.param("", id="empty"),
        pytest.param(base64.urlsafe_b64encode(b"[" * 2900).decode().rstrip("=") + ".e30.AA", id="deep header"),
    ],
)
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(AuthRequired):
        tokens.read_access(token)


@pytest.mark.parametrize("claim", ["exp", "jti", "token_type", "userId", "username", "roles", "stamp"])
def test_a_token_without_one_of_its_claims_is_refused(claim: str) -> None:
    payload = jwt.decode(signed(), options={"verify_signature": False})
    del payload[claim]
    with pytest.raises(AuthRequired):
        tokens.read_access(jwt.encode(payload, settings.JWT_SECRET, algorithm="HS256"))


@given(st.text())
def test_any_text_is_refused_without_a_fault(text: str) -> None:
    with pytest.raises(AuthRequired):
        tokens.read_access(text)
