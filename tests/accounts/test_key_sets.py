"""Public keys of issuers: read once, read again when that is due, and kept while their source is away."""

import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from jwt.algorithms import OKPAlgorithm
from structlog.testing import capture_logs

from accounts import key_sets
from accounts.key_sets import KEEP_S, RETRY_S, SEARCH_S, KeySet
from rooms import trust
from rooms.errors import AuthRequired, Unavailable
from tests.support.issuers import AUDIENCE, ISSUER, JwksServer, jwk, jwks, private_key
from tests.support.machine import free_port


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JwksServer]:
    """A JWKS server on this machine, which no proxy of this machine may hide."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with JwksServer() as running:
        yield running


class Source:
    """A document that a test changes or takes away (None), and a clock that it moves."""

    def __init__(self) -> None:
        self.document: dict[str, Any] | None = jwks(jwk("RS256"))
        self.reads, self.now = 0, 1000.0
        self.keys = KeySet("the test", self.read, clock=lambda: self.now)

    def read(self) -> bytes:
        self.reads += 1
        if self.document is None:
            raise ConnectionRefusedError("refused")
        return msgspec.json.encode(self.document)

    def find(self, key_id: str | None = "RS256") -> str | None:
        """The id of the key that is found; None when there is none."""
        try:
            return self.keys.find(key_id, "RS256").key_id
        except AuthRequired:
            return None


@pytest.fixture
def source() -> Source:
    return Source()


# --- When keys are read -----------------------------------------------------------------------------------------------
def test_keys_are_read_once_for_many_tokens(source: Source) -> None:
    assert [source.find() for _ in range(3)] == ["RS256"] * 3
    assert source.reads == 1


def test_a_new_key_is_found_at_its_first_token(source: Source) -> None:
    source.find()
    source.document = jwks(jwk("RS256", "new", number=2))
    assert source.find("new") == "new"
    assert source.find("RS256") is None


def test_unknown_keys_are_looked_for_once_a_minute(source: Source) -> None:
    source.find()
    assert [source.find("made-up"), source.find("another"), source.find("made-up")] == [None] * 3
    assert source.reads == 2
    source.now += SEARCH_S
    assert source.find("made-up") is None
    assert source.reads == 3


def test_a_withdrawn_key_is_accepted_for_five_minutes_at_most(source: Source) -> None:
    source.find()
    source.document = jwks(jwk("RS256", "new", number=2))
    source.now += KEEP_S
    assert source.find() == "RS256"
    source.now += 1
    assert source.find() is None


def test_the_last_good_keys_are_used_while_the_source_is_away(source: Source) -> None:
    source.find()
    source.document = None
    source.now += 100 * KEEP_S
    assert source.find() == "RS256"


def test_a_source_that_is_away_is_asked_again_after_ten_seconds(source: Source) -> None:
    source.document = None
    for _ in range(3):
        with pytest.raises(Unavailable) as refusal:
            source.find()
    assert (source.reads, refusal.value.retry_after_ms) == (1, RETRY_S * 1000)
    source.now += RETRY_S
    source.document = jwks(jwk("RS256"))
    assert source.find() == "RS256"


def test_who_comes_while_keys_are_read_waits_for_them() -> None:
    asked, go_on = Event(), Event()

    def read() -> bytes:
        asked.set()
        go_on.wait(20)
        return msgspec.json.encode(jwks())

    keys = KeySet("the test", read)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(keys.find, "RS256", "RS256")
        assert asked.wait(20)
        second = pool.submit(keys.find, "RS256", "RS256")
        assert not wait([second], timeout=0.1).done  # it would be refused at once
        go_on.set()
        assert first.result() is second.result()


def test_why_keys_were_not_read_is_logged(source: Source) -> None:
    source.document = None
    with capture_logs() as logs, pytest.raises(Unavailable):
        source.find()
    assert logs == [
        {"event": "issuer.keys_not_read", "log_level": "warning", "source": "the test", "reason": "refused"}
    ]


# --- What a JWKS may hold ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"alg": ["RS256"]},
        {"n": "é"},
        {"n": None},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": ["RSA"]},
    ],
    ids=str,
)
def test_what_is_no_public_key_for_signatures_is_left_out(change: dict[str, Any]) -> None:
    keys = key_sets.usable({"keys": [jwk("RS256", **change), jwk("ES256")]})
    assert [key.key_id for key in keys] == ["ES256"]


def test_a_private_key_is_left_out() -> None:
    private = OKPAlgorithm.to_jwk(private_key("EdDSA"), as_dict=True)
    assert [key.key_id for key in key_sets.usable({"keys": [private, jwk("ES256")]})] == ["ES256"]


@pytest.mark.parametrize("entry", [{}, [], "RS256", None], ids=str)
def test_what_is_no_key_at_all_is_left_out(entry: Any) -> None:
    assert [key.key_id for key in key_sets.usable({"keys": [entry, jwk("ES256")]})] == ["ES256"]


@pytest.mark.parametrize("document", [{}, {"keys": []}, {"keys": {}}, {"keys": None}, [], None, 1, {"keys": [{}]}])
def test_a_document_without_a_usable_key_is_none(document: Any) -> None:
    with pytest.raises(ValueError, match="no key for RS256, ES256, EdDSA"):
        key_sets.usable(document)


# --- Where keys come from ---------------------------------------------------------------------------------------------
def issuer(**source: Any) -> trust.Issuer:
    [found] = trust.issuers([{"issuer": ISSUER, "audience": AUDIENCE, **source}])
    return found


def test_keys_come_from_an_address(server: JwksServer) -> None:
    keys = key_sets.key_set(issuer(jwks_url=server.url))
    assert [keys.find("ES256", "ES256").key_id for _ in range(2)] == ["ES256"] * 2
    assert server.requests == 1


def test_keys_come_from_a_file_that_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(msgspec.json.encode(jwks(jwk("ES256"))))
    keys = key_sets.key_set(issuer(jwks_file=str(file)))
    assert keys.find("ES256", "ES256").key_id == "ES256"
    file.write_bytes(msgspec.json.encode(jwks(jwk("ES256", "new"))))
    assert keys.find("new", "ES256").key_id == "new"


def test_keys_come_from_the_setting() -> None:
    assert key_sets.key_set(issuer(jwks=jwks(jwk("EdDSA")))).find("EdDSA", "EdDSA").key_id == "EdDSA"


# --- Over HTTP --------------------------------------------------------------------------------------------------------
def reason(url: str) -> str:
    """Why no keys were read at this address."""
    with capture_logs() as logs, pytest.raises(Unavailable):
        key_sets.key_set(issuer(jwks_url=url)).find("RS256", "RS256")
    return str(logs[0]["reason"])


def test_an_address_where_nobody_listens_gives_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert "refused" in reason(f"http://127.0.0.1:{free_port()}/jwks.json")


@pytest.mark.parametrize("status", [204, 301, 302, 307, 404, 500])
def test_only_status_200_gives_keys(server: JwksServer, status: int) -> None:
    server.respond = lambda handler: server.send(handler, status)
    assert reason(server.url) == f"answered {status}"


def test_a_redirect_is_not_followed(server: JwksServer) -> None:
    with JwksServer() as other:
        server.respond = lambda handler: server.send(handler, 302, Location=other.url)
        assert reason(server.url) == "answered 302"
        assert other.requests == 0


def test_a_huge_answer_is_not_read_to_its_end(server: JwksServer) -> None:
    server.respond = lambda handler: server.send(handler, body=b" " * (key_sets.MAX_BYTES + 1))
    assert reason(server.url) == f"over {key_sets.MAX_BYTES} bytes"


@pytest.mark.parametrize("body", [b"nonsense", b"\xff", b"[" * 100_000, b"{}"])
def test_an_answer_that_is_no_jwks_gives_no_keys(server: JwksServer, body: bytes) -> None:
    server.respond = lambda handler: server.send(handler, body=body)
    assert reason(server.url)


def test_an_answer_that_is_no_http_gives_no_keys(server: JwksServer) -> None:
    server.respond = lambda handler: handler.wfile.write(b"nonsense\r\n\r\n")
    assert reason(server.url)


def dripping(start: bytes, byte: bytes, left: Event) -> Callable[[BaseHTTPRequestHandler], None]:
    """Sends one byte after another, sooner than any single wait would time out, until the client has `left`."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        try:
            handler.wfile.write(start)
            while not left.wait(0.05):
                handler.wfile.write(byte)
        except OSError:
            left.set()
        handler.close_connection = True

    return respond


@pytest.mark.timeout(10)
@pytest.mark.parametrize(("start", "byte"), [(b"", b""), (b"HTTP/1.0 200 OK\r\nX: ", b" ")], ids=["silent", "headers"])
def test_an_answer_that_does_not_come_in_time_gives_no_keys(
    server: JwksServer, monkeypatch: pytest.MonkeyPatch, start: bytes, byte: bytes
) -> None:
    monkeypatch.setattr(key_sets, "TIMEOUT_S", 0.2)
    left = Event()
    server.respond = dripping(start, byte, left)
    assert reason(server.url) in {"TimeoutError", "timed out", "<urlopen error timed out>"}
    left.set()


@pytest.mark.timeout(10)
def test_a_body_that_does_not_come_in_time_is_not_waited_for_on_any_thread(
    server: JwksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "TIMEOUT_S", 0.2)
    left = Event()
    server.respond = dripping(b"HTTP/1.0 200 OK\r\n\r\n", b" ", left)
    assert reason(server.url) in {"TimeoutError", "timed out"}
    assert left.wait(5)


# --- Over TLS ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a certificate for 127.0.0.1 that signs itself, and its key."""
    key, name = private_key("ES256", 9), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path / "certificate.pem"
    file.write_bytes(
        made.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return file


@pytest.fixture
def tls_url(server: JwksServer, certificate: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    return server.url.replace("http:", "https:")


def test_a_certificate_that_nobody_vouches_for_gives_no_keys(tls_url: str) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in reason(tls_url)


def test_a_certificate_of_the_systems_authorities_gives_keys(
    tls_url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert key_sets.key_set(issuer(jwks_url=tls_url)).find("RS256", "RS256").key_id == "RS256"
