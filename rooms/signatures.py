"""Signatures of outgoing webhooks, as Standard Webhooks describes them. Knows secrets as texts, and nothing else."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(keys: Iterable[str], *, event_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature for each secret, so that receivers may change theirs in between."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_signature(key, signed)}" for key in keys)


def _signature(key: str, signed: bytes) -> str:
    plain = base64.b64decode(key.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(plain, signed, hashlib.sha256).digest()).decode()
