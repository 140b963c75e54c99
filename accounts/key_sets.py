"""The public keys of an issuer: a JWKS (RFC 7517), read from its source, kept, and read again. Knows no token.

While a source is away or broken, the keys from before stay in use. Keys are read on the thread that needs them.
"""

from collections.abc import Callable
from concurrent.futures import Future
from http.client import HTTPException
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from typing import Any
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

import jwt
import msgspec
import structlog

from rooms.errors import AuthRequired, Unavailable
from rooms.trust import Issuer

log = structlog.get_logger(__name__)

ALGORITHMS = ("RS256", "ES256", "EdDSA")
KEEP_S = 300  # then keys are read again, so that one that the issuer has withdrawn is not accepted for ever
SEARCH_S = 60  # between two reads because of an unknown key id, which anybody can make up
RETRY_S = 10  # between two attempts while the source is away
TIMEOUT_S = 2  # for the whole answer
MAX_BYTES = 262_144  # 256 KiB; a key with its certificate takes about 2


class KeySet:
    """The keys of one source, for all threads of this process; `read` answers its document."""

    def __init__(self, source: str, read: Callable[[], bytes], *, clock: Callable[[], float] = monotonic) -> None:
        self._source, self._read, self._clock = source, read, clock
        self._turn = Lock()
        self._keys: tuple[jwt.PyJWK, ...] = ()
        self._read_at = self._tried_at = self._searched_at = float("-inf")

    def find(self, key_id: str | None, algorithm: str) -> jwt.PyJWK:
        """The key of this id and algorithm; without an id, the only one of the algorithm.

        Raises AuthRequired when there is none, Unavailable while no key could be read at all.
        """
        if self._is_old() or self._named(key_id, algorithm) is None:
            with self._turn:
                if self._is_due(key_id, algorithm):
                    self._reload()
        if not self._keys:
            raise Unavailable("The issuer's keys cannot be read", retry_after_ms=RETRY_S * 1000)
        key = self._named(key_id, algorithm)
        if key is None:
            raise AuthRequired("Token is signed with an unknown key")
        return key

    def _named(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        found = [key for key in self._keys if key.algorithm_name == algorithm and key_id in (None, key.key_id)]
        return found[0] if len(found) == 1 or (found and key_id is not None) else None

    def _is_old(self) -> bool:
        return self._clock() - self._read_at > KEEP_S

    def _is_due(self, key_id: str | None, algorithm: str) -> bool:
        """Whether to read now; asked in turn, so of many that wait for the same key one reads."""
        now = self._clock()
        if self._is_old():
            return now - self._tried_at >= RETRY_S
        if self._named(key_id, algorithm) is not None or now - self._searched_at < SEARCH_S:
            return False
        self._searched_at = now
        return True

    def _reload(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = usable(msgspec.json.decode(self._read()))
            self._read_at = self._clock()
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            log.warning("issuer.keys_not_read", source=self._source, reason=str(error) or type(error).__name__)


def key_set(issuer: Issuer) -> KeySet:
    """The keys of an issuer that has no shared secret."""
    if issuer.jwks_url:
        return KeySet(issuer.jwks_url, lambda: download(issuer.jwks_url))
    if issuer.jwks_file:
        return KeySet(issuer.jwks_file, Path(issuer.jwks_file).read_bytes)
    return KeySet(f"jwks of {issuer.issuer}", lambda: msgspec.json.encode(issuer.jwks))


def usable(document: Any) -> tuple[jwt.PyJWK, ...]:
    """The keys of a JWKS that may verify tokens; raises ValueError when there is none."""
    entries = document.get("keys") if isinstance(document, dict) else None
    keys = tuple(key for entry in entries if (key := _key(entry))) if isinstance(entries, list) else ()
    if not keys:
        raise ValueError(f"no key for {', '.join(ALGORITHMS)} in it")
    return keys


def _key(entry: Any) -> jwt.PyJWK | None:
    """None for a key that is private, for another use or of another algorithm."""
    try:
        if "d" in entry or entry.get("use", "sig") != "sig":
            return None
        key = jwt.PyJWK(entry)
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError):
        return None
    return key if key.algorithm_name in ALGORITHMS else None


# --- Over HTTP --------------------------------------------------------------------------------------------------------
def download(url: str) -> bytes:
    """The body at this address, within TIMEOUT_S and of at most MAX_BYTES.

    Raises OSError, HTTPException, or ValueError when it is no such answer.

    On a thread of its own, because the time-out of a socket ends neither a slow resolver nor an answer that comes
    byte by byte.
    """
    answer: Future[bytes] = Future()
    Thread(target=_fetch, args=(url, answer), daemon=True).start()
    return answer.result(timeout=TIMEOUT_S)


def _fetch(url: str, answer: "Future[bytes]") -> None:
    try:
        answer.set_result(_body(url))
    except Exception as error:  # noqa: BLE001 - the caller raises it
        answer.set_exception(error)


def _body(url: str) -> bytes:
    """Follows no redirect: an address that others control must not decide whose keys are trusted."""
    opener = OpenerDirector()
    for handler in (ProxyHandler, HTTPHandler, HTTPSHandler):
        opener.add_handler(handler())
    end, body = monotonic() + TIMEOUT_S, b""
    with opener.open(Request(url, headers={"Accept": "application/json"}), timeout=TIMEOUT_S) as response:  # noqa: S310 - the setting allows http(s) only
        if response.status != 200:
            raise ValueError(f"answered {response.status}")
        while chunk := response.read1(65_536):
            body += chunk
            if len(body) > MAX_BYTES:
                raise ValueError(f"over {MAX_BYTES} bytes")
            if monotonic() > end:
                raise TimeoutError("timed out")
    return body
