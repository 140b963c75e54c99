"""Writes and reads signed tokens. Knows no records: whether a token's user may still come in is not decided here.

The only module that imports simplejwt. Algorithm, secret and leeway are in settings.SIMPLE_JWT; the leeway holds for
`exp`, `nbf` and `iat` alike.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from rooms.conf import conf
from rooms.errors import AuthExpired, AuthRequired

MAX_CHARS = 4096  # issued ones have about 500; longer ones are not worth a signature check
# What claims of a wrong kind or size raise, here and in simplejwt: a text as `exp`, a time after the year 9999.
UNUSABLE = (KeyError, ValueError, TypeError, AttributeError, OverflowError, OSError)
MAX_USER_ID, MAX_GENERATION = 2**63 - 1, 2**31 - 2  # what a database's columns hold, one more than the generation too


@dataclass(frozen=True, slots=True)
class Access:
    """A short-lived token: who calls. `sign_in` is the device's sign-in it belongs to, if it has one."""

    user_id: int
    username: str
    roles: tuple[str, ...]
    stamp: str
    sign_in: uuid.UUID | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Refresh:
    """A long-lived token, good for one exchange: the `generation`-th of its sign-in."""

    user_id: int
    stamp: str
    sign_in: uuid.UUID
    generation: int
    expires_at: datetime


def issue_access(
    *, user_id: int, username: str, roles: Sequence[str], stamp: str, sign_in: uuid.UUID | None = None
) -> str:
    token = AccessToken()
    token.set_exp(lifetime=timedelta(minutes=conf.CHAT_ACCESS_MINUTES))
    token.payload.update(userId=str(user_id), username=username, roles=list(roles), stamp=stamp)
    if sign_in:
        token["signIn"] = str(sign_in)
    return str(token)


def issue_refresh(*, user_id: int, stamp: str, sign_in: uuid.UUID, generation: int) -> str:
    token = RefreshToken()
    token.set_exp(lifetime=timedelta(days=conf.CHAT_REFRESH_DAYS))
    token.payload.update(userId=str(user_id), stamp=stamp, signIn=str(sign_in), generation=generation)
    return str(token)


def read_access(token: str) -> Access:
    """Raises AuthExpired when it was good once, AuthRequired when it is anything else than a good access token."""
    claims = _claims(AccessToken, token)
    try:
        return Access(
            user_id=_number(claims["userId"], MAX_USER_ID),
            username=str(claims["username"]),
            roles=tuple(claims["roles"]),
            stamp=str(claims["stamp"]),
            sign_in=uuid.UUID(claims["signIn"]) if "signIn" in claims else None,
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except UNUSABLE:
        raise AuthRequired("Token lacks a claim") from None


def read_refresh(token: str) -> Refresh:
    """Raises AuthExpired when it was good once, AuthRequired when it is anything else than a good refresh token."""
    claims = _claims(RefreshToken, token)
    try:
        return Refresh(
            user_id=_number(claims["userId"], MAX_USER_ID),
            stamp=str(claims["stamp"]),
            sign_in=uuid.UUID(claims["signIn"]),
            generation=_number(claims["generation"], MAX_GENERATION),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except UNUSABLE:
        raise AuthRequired("Token lacks a claim") from None


def read_any(token: str) -> Access | Refresh | None:
    """A token of either kind, or None when it is neither, or no longer good."""
    for read in (read_refresh, read_access):
        try:
            return read(token)
        except AuthRequired:
            continue
    return None


def _number(value: Any, maximum: int) -> int:
    """A whole number, or its digits; raises ValueError or TypeError for anything else and beyond the maximum."""
    if isinstance(value, bool | float) or not 0 <= (number := int(value)) <= maximum:
        raise ValueError
    return number


def _claims(kind: type[AccessToken] | type[RefreshToken], token: str) -> dict[str, Any]:
    if len(token) > MAX_CHARS or not token.isascii():
        raise AuthRequired("Token is not valid")
    try:
        return dict(kind(token).payload)  # type: ignore[arg-type]  # it takes text, whatever its annotation says
    except ExpiredTokenError:
        raise AuthExpired from None
    except (TokenError, *UNUSABLE):
        raise AuthRequired("Token is not valid") from None
