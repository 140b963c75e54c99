"""Who is calling: from a token or a session to the user as the database knows them now.

The socket uses the three functions, REST the class; neither knows how the other carries its proof.
"""

import uuid
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import tokens
from accounts.models import SignIn, User
from chatsite.errors import AuthRequired, Banned


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller: who they are, what they may be, and which proof they came with."""

    user_id: int
    username: str
    roles: tuple[str, ...]
    stamp: str
    sign_in: uuid.UUID | None = None
    session_key: str = ""
    expires_at: float | None = None  # unix seconds; None: no end of its own


def by_token(token: str) -> Identity:
    """The caller with this access token; raises AuthRequired or AuthExpired. Roles are today's, not the token's."""
    return _by_token(token)[1]


def by_session(session_key: str) -> Identity | None:
    """The caller with this session cookie, or None when it is nobody's."""
    if not session_key.isalnum():
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    if not isinstance(user, User):
        return None
    return Identity(user.pk, user.username, user.roles, user.stamp(), session_key=session_key)


def refreshed(identity: Identity) -> Identity:
    """The same caller as the database knows them now.

    Raises Banned when the user was deactivated, AuthRequired when they signed out here or everywhere, changed their
    password, or are no more. Whether the token has expired is for the holder of the identity to see.
    """
    user = User.objects.filter(pk=identity.user_id).first()
    if user and not user.is_active:
        raise Banned("This account is deactivated")
    if not user or user.stamp() != identity.stamp or not _is_open(identity):
        raise AuthRequired("Signed out")
    return Identity(
        user.pk,
        user.username,
        user.roles,
        identity.stamp,
        identity.sign_in,
        identity.session_key,
        identity.expires_at,
    )


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; any other header is left to others. `request.auth` is the Identity."""

    def authenticate(self, request: Request) -> tuple[User, Identity] | None:
        token = bearer(request)
        return None if token is None else _by_token(token)

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - its name is DRF's
        return "Bearer"


def caller(request: Request) -> User:
    """The user of a request that only somebody signed in gets through."""
    return cast(User, request.user)


def bearer(request: Request) -> str | None:
    """The token of an `Authorization: Bearer` header, or None when there is no such header."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _by_token(token: str) -> tuple[User, Identity]:
    claims = tokens.read_access(token)
    user = User.objects.filter(pk=claims.user_id).first()
    if user and not user.is_active:
        raise AuthRequired("This account is deactivated")
    if not user or user.stamp() != claims.stamp:
        raise AuthRequired("Token is no longer valid")
    expires_at = claims.expires_at.timestamp()
    identity = Identity(user.pk, user.username, user.roles, claims.stamp, claims.sign_in, expires_at=expires_at)
    if not _is_open(identity):
        raise AuthRequired("Signed out")
    return user, identity


def _is_open(identity: Identity) -> bool:
    """Whether the sign-in or the session that this identity came with still stands."""
    if identity.sign_in:
        return SignIn.objects.filter(pk=identity.sign_in, user_id=identity.user_id, revoked_at=None).exists()
    return not identity.session_key or by_session(identity.session_key) is not None
