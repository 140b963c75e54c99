"""Who is calling: from a token or a session to the user as the database knows them now.

The socket uses the three functions, REST the class; neither knows how the other carries its proof.
"""

import re
import uuid
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Exists, Value
from django.utils.crypto import constant_time_compare
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import tokens
from accounts.models import EndedSession, SignIn, User
from accounts.signals import SESSION_ID
from rooms.errors import AuthRequired, Banned

# Keys of every engine that Django has. Those of signed cookies are the session itself, as long as a cookie can be.
SESSION_COOKIE = re.compile(r"[\w:.=-]{8,4096}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller: who they are, what they may be, and which proof they came with."""

    user_id: int
    username: str
    roles: tuple[str, ...]
    stamp: str
    sign_in: uuid.UUID | None = None
    session_key: str = ""
    session_id: str | None = None  # stays when the session's key changes
    expires_at: float | None = None  # unix seconds; None: no end of its own


def by_token(token: str) -> Identity:
    """The caller with this access token; raises AuthRequired or AuthExpired. Roles are today's, not the token's."""
    user, claims = _by_token(token)
    expires_at = claims.expires_at.timestamp()
    return Identity(user.pk, user.username, user.roles, claims.stamp, claims.sign_in, expires_at=expires_at)


def by_session(session_key: str) -> Identity | None:
    """The caller with this session cookie, or None when it is nobody's. Reads every session engine of Django."""
    session = _session(session_key)
    session_id = session.get(SESSION_ID)
    user, is_open = _find(session.get(SESSION_KEY), session_id=session_id)
    if not user or not is_open or not user.is_active:
        return None
    if not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.stamp()):
        return None
    return Identity(user.pk, user.username, user.roles, user.stamp(), session_key=session_key, session_id=session_id)


def refreshed(identity: Identity) -> Identity:
    """The same caller as the database knows them now.

    Raises Banned when the user was deactivated, AuthRequired when they signed out here or everywhere, changed their
    password, or are no more. Whether the token has expired is for the holder of the identity to see.
    """
    user, is_open = _find(identity.user_id, sign_in=identity.sign_in, session_id=identity.session_id)
    if user and not user.is_active:
        raise Banned("This account is deactivated")
    if not user or not is_open or user.stamp() != identity.stamp or not _has_session(identity):
        raise AuthRequired("Signed out")
    return replace(identity, username=user.username, roles=user.roles)


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; any other header is left to others. `request.auth` has the claims.

    Nobody's roles are read before somebody looks at them.
    """

    def authenticate(self, request: Request) -> tuple[User, tokens.Access] | None:
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


def _by_token(token: str) -> tuple[User, tokens.Access]:
    claims = tokens.read_access(token)
    user, is_open = _find(claims.user_id, sign_in=claims.sign_in)
    if user and not user.is_active:
        raise AuthRequired("This account is deactivated")
    if not user or user.stamp() != claims.stamp:
        raise AuthRequired("Token is no longer valid")
    if not is_open:
        raise AuthRequired("Signed out")
    return user, claims


def _find(user_id: Any, *, sign_in: uuid.UUID | None = None, session_id: str | None = None) -> tuple[User | None, bool]:
    """The user as they are now, and whether the sign-in or the session was not ended: one query, or none for nobody."""
    is_open: Any = Value(True)
    if sign_in:
        is_open = Exists(SignIn.objects.filter(pk=sign_in, user_id=user_id, revoked_at=None))
    elif session_id:
        is_open = ~Exists(EndedSession.objects.filter(pk=session_id))
    user = User.objects.annotate(is_open=is_open).filter(pk=user_id).first() if user_id is not None else None
    return user, user is not None and user.is_open


def _session(key: str) -> SessionBase:
    """The session of this cookie, read when somebody looks into it; an empty one for what is no key of any engine."""
    engine = import_module(settings.SESSION_ENGINE)
    session: SessionBase = engine.SessionStore(key if SESSION_COOKIE.fullmatch(key) else None)
    return session


def _has_session(identity: Identity) -> bool:
    """Whether a session that this identity came with is still kept."""
    return not identity.session_key or _session(identity.session_key).get(SESSION_KEY) == str(identity.user_id)
