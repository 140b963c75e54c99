"""Claims that no honest token has, and how a test writes one into a token."""

import json
from typing import Any

import jwt
from django.conf import settings

from tests.support.issuers import forged

# As they stand in JSON. The last two fit into a float and into a column, and are far too large for a time.
ABSURD = (
    "1e400", "-1e400", "NaN", "Infinity", "-1", "1.5", "true", "null", "[]", "[[[]]]", "{}", '""', '"x"', '"\\u0000"',
    '"\\ud800"', str(2**63), str(2**64), str(2**70), "1" * 400, "1e18", str(2**62),
)  # fmt: skip


def with_claim(token: str, name: str, value: str) -> str:
    """A token of ours with another value of one claim, signed by the right secret."""
    return resigned(jwt.decode(token, options={"verify_signature": False}), name, value, settings.JWT_SECRET)


def resigned(honest: dict[str, Any], name: str, value: str, key: str) -> str:
    """A token of these claims, one of them as it stands in JSON; PyJWT would not write some of those."""
    body = json.dumps({**honest, name: "@"}).replace('"@"', value)
    return forged({"alg": "HS256", "typ": "JWT"}, body.encode(), key.encode())
