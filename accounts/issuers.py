"""Tokens of other systems (CHAT_ISSUERS): verifies them, and says whom they name. Knows no records.

What decides is the setting, never the token: which keys, which algorithms, which claims. A shared secret verifies
HS256 and nothing else; public keys verify RS256, ES256 and EdDSA, each by keys of its own type.
"""

from dataclasses import dataclass
from functools import lru_cache
from time import time
from typing import Any

import jwt
from django.utils.asyncio import async_unsafe

from accounts import key_sets
from rooms.conf import conf
from rooms.errors import AuthExpired, AuthRequired, TooLarge
from rooms.trust import NAME_CHARS, Issuer

MAX_CHARS = 16_384  # issuers put long lists of groups into their tokens
MAX_ISSUERS = 100  # whose keys are kept
SECRET_ALGORITHMS = ("HS256",)
REQUIRED = ["iss", "aud", "exp"]
# What claims of a wrong kind, size or depth raise in PyJWT.
UNUSABLE = (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError, RecursionError)

keys_of = lru_cache(MAX_ISSUERS)(key_sets.key_set)


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a token names: `subject` for ever, the rest as the issuer has it today. Empty: the token does not say."""

    issuer: Issuer
    subject: str
    username: str
    email: str
    groups: frozenset[str]  # names of Django groups, of those that the setting maps


@async_unsafe("Reading a foreign token may wait for its issuer's keys: call it from a thread.")
def read(token: str) -> Person:
    """Whom a valid token names.

    Raises TooLarge, AuthExpired, AuthRequired for any other token that is not valid here, and Unavailable while the
    issuer's keys cannot be read.
    """
    if len(token) > MAX_CHARS:
        raise TooLarge(f"The token is over {MAX_CHARS} characters")
    header, issuer = _announced(token)
    claims = _verified(token, header, issuer)
    return Person(
        issuer=issuer,
        subject=_subject(claims, issuer.claims.subject),
        username=_text(claims, issuer.claims.username),
        email=_text(claims, issuer.claims.email) if claims.get("email_verified", True) in (True, "true") else "",
        groups=frozenset(issuer.groups[role] for role in _roles(claims, issuer.claims.roles) if role in issuer.groups),
    )


def _announced(token: str) -> tuple[dict[str, Any], Issuer]:
    """The header of a token, and the trusted issuer that it says it is from; nothing is verified yet."""
    try:
        parts = jwt.decode_complete(token, options={"verify_signature": False})
    except UNUSABLE:
        raise AuthRequired("Token is not valid") from None
    name = parts["payload"].get("iss")
    for issuer in conf.CHAT_ISSUERS:
        if issuer.issuer == name:
            return parts["header"], issuer
    raise AuthRequired("Token is from an issuer that is not trusted here")


def _verified(token: str, header: dict[str, Any], issuer: Issuer) -> dict[str, Any]:
    """The claims of a token that is signed by this issuer, meant for this site, and valid now."""
    algorithm, key = _key(header, issuer)
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=issuer.audience,
            issuer=issuer.issuer,
            leeway=issuer.leeway_s,
            options={"require": REQUIRED, "verify_sub": False, "enforce_minimum_key_length": True},
        )
    except jwt.ExpiredSignatureError:
        raise AuthExpired from None
    except UNUSABLE as error:
        raise AuthRequired(_reason(error)) from None
    if int(claims["exp"]) > time() + issuer.max_lifetime_s + issuer.leeway_s:
        raise AuthRequired(f"Token is valid for more than {issuer.max_lifetime_s} seconds")
    return claims


def _key(header: dict[str, Any], issuer: Issuer) -> tuple[str, Any]:
    """The algorithm and the key of this issuer that verify a token with this header."""
    algorithm = header.get("alg")
    for allowed in SECRET_ALGORITHMS if issuer.secret else key_sets.ALGORITHMS:
        if algorithm == allowed:
            return allowed, issuer.secret or keys_of(issuer).find(header.get("kid"), allowed)
    raise AuthRequired("Token is signed by an algorithm that is not accepted")


def _reason(error: Exception) -> str:
    match error:
        case jwt.InvalidSignatureError():
            return "Token has a wrong signature"
        case jwt.ImmatureSignatureError():
            return "Token is not valid yet"
        case jwt.InvalidAudienceError():
            return "Token is for another audience"
        case jwt.MissingRequiredClaimError():
            return f"Token has no claim {error.claim}"
    return "Token is not valid"


# --- Claims -----------------------------------------------------------------------------------------------------------
def _subject(claims: dict[str, Any], name: str) -> str:
    """A text, or the number that some issuers write; raises AuthRequired."""
    value = claims.get(name)
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.isprintable() or not 0 < len(text) <= NAME_CHARS:
        raise AuthRequired(f"Token names nobody in the claim {name}")
    return text


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) and value.isprintable() else ""


def _roles(claims: dict[str, Any], name: str) -> list[str]:
    """The texts of a list, or the words of a text, as in OAuth's `scope`."""
    value = claims.get(name, [])
    if isinstance(value, str):
        return value.split()
    return [role for role in value if isinstance(role, str)] if isinstance(value, list) else []
