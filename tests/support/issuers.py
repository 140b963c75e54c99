"""Another system that signs tokens: its keys, its tokens, and a small HTTP server for its JWKS."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

ISSUER, AUDIENCE = "https://login.example.com/", "chat"
SECRET = "a-shared-secret-of-32-characters-or-more"


@cache
def private_key(algorithm: str, number: int = 1) -> Any:
    """The same key for the same arguments, during the whole run."""
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(algorithm: str) -> bytes:
    key: bytes = private_key(algorithm).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return key


def jwk(algorithm: str, key_id: str = "", *, number: int = 1, **fields: Any) -> dict[str, Any]:
    """A public key as a JWKS has it; its id is the algorithm's name unless another is given."""
    public: Any = private_key(algorithm, number).public_key()
    entry: Any = get_default_algorithms()[algorithm].to_jwk(public, as_dict=True)
    return {**entry, "kid": key_id or algorithm, **fields}


def jwks(*keys: dict[str, Any]) -> dict[str, Any]:
    return {"keys": list(keys or map(jwk, ("RS256", "ES256", "EdDSA")))}


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that are good for five minutes; a change to None takes one out."""
    now = int(time.time())
    values = {"iss": ISSUER, "aud": AUDIENCE, "sub": "7", "exp": now + 300, "preferred_username": "zoe", **changes}
    return {name: value for name, value in values.items() if value is not None}


def token(
    algorithm: str = "RS256", *, key_id: str | None = "", number: int = 1, key: Any = None, **changes: Any
) -> str:
    """A token of these claims; `key_id` None: its header has none."""
    header = {} if key_id is None else {"kid": key_id or algorithm}
    return jwt.encode(claims(**changes), key or private_key(algorithm, number), algorithm, headers=header)


def secret_token(key: str = SECRET, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, "HS256")


def forged(header: dict[str, Any], body: bytes, key: bytes) -> str:
    """A token that is signed by HMAC, whatever its header and its key are; PyJWT would not write it."""
    text = ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (json.dumps(header).encode(), body)
    )
    signature = base64.urlsafe_b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).rstrip(b"=").decode()
    return f"{text}.{signature}"


class JwksServer:
    """Serves `document` at `url`, counts `requests`; a test that wants another answer sets `respond`."""

    def __init__(self, document: dict[str, Any] | None = None) -> None:
        self.document, self.requests = document or jwks(), 0
        self.respond: Callable[[BaseHTTPRequestHandler], None] = self.send
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.requests += 1
                owner.respond(self)

            def log_message(self, *_: Any) -> None:
                """Nothing: the output is the tests'."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/jwks.json"

    def send(self, handler: BaseHTTPRequestHandler, status: int = 200, body: bytes = b"", **headers: str) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body or json.dumps(self.document).encode())

    def __enter__(self) -> Self:
        Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()
