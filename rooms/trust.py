"""One entry of CHAT_ISSUERS: another system whose tokens sign people in, and what is wrong with an entry.

Knows no token and no key; `accounts.issuers` verifies. A project without `accounts` has no use for it.
"""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

SECRET_CHARS = 32  # 256 bits at 8 bits a character: as long as the hash of HS256 (RFC 7518, 3.2)
NAME_CHARS = 255  # of an issuer; OpenID Connect allows as many for a subject
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS)]


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which claim says what. Empty: it is not taken from the token."""

    subject: Name = "sub"
    username: str = "preferred_username"
    email: str = "email"
    roles: str = ""


class Issuer(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True, kw_only=True):
    """Compared and hashed by identity, so that its keys can be kept beside it."""

    issuer: Name
    audience: Name
    jwks_url: str = ""
    jwks_file: str = ""
    jwks: dict[str, Any] | None = None
    secret: str = ""
    claims: Claims = Claims()
    groups: dict[str, str] = {}  # a role in the token → the name of a Django group
    create: bool = False  # whether unknown people get an account
    leeway_s: Annotated[int, msgspec.Meta(ge=0, le=300)] = 30  # by which clocks may differ
    max_lifetime_s: Annotated[int, msgspec.Meta(ge=1)] = 3600  # until a token's `exp`, from now

    def __post_init__(self) -> None:
        if sum(map(bool, (self.jwks_url, self.jwks_file, self.jwks is not None, self.secret))) != 1:
            raise ValueError("Needs exactly one of `jwks_url`, `jwks_file`, `jwks` and `secret`")
        if self.secret and len(self.secret) < SECRET_CHARS:
            raise ValueError(f"`secret` must have at least {SECRET_CHARS} characters")
        if self.jwks_url and not _is_address(self.jwks_url):
            raise ValueError("`jwks_url` must begin with https:// and name a host")
        if bool(self.claims.roles) != bool(self.groups):
            raise ValueError("`claims.roles` and `groups` need each other")


def issuers(value: Any) -> tuple[Issuer, ...]:
    """The entries of CHAT_ISSUERS; raises ValueError that says which is wrong and why, without any of its values."""
    found = msgspec.convert(value, tuple[Issuer, ...])
    if len({each.issuer for each in found}) < len(found):
        raise ValueError("Two entries have the same `issuer`")
    return found


def problem(value: Any, *, debug: bool) -> str | None:
    """What is wrong with CHAT_ISSUERS; None: nothing. Without `debug` keys are read over TLS only."""
    try:
        found = issuers(value)
    except ValueError as error:
        return f"must be a list of issuers: {error}"
    for each in found:
        if not debug and each.jwks_url.startswith("http:"):
            return f"must have https:// in the `jwks_url` of {each.issuer}"
        if each.jwks_file and not Path(each.jwks_file).is_file():
            return f"names no file in the `jwks_file` of {each.issuer}"
    return None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname)
