"""Which Redis servers there are, read from one setting, and which of them a topic belongs to.

Makes no connection, and needs the packages of Redis only when there is a URL to read.
"""

import re
from binascii import crc32
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

Host = dict[str, Any]  # as channels-redis takes a host: {"address": URL}, or {"master_name": …, "sentinels": …}
SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
SENTINEL_PORT = 26379
SENTINEL_TIMEOUT_S = 2.0  # a Sentinel that hangs: the next one is asked
RING = 4096  # of channels-redis; the two must agree on the server of a topic


def parse(urls: str | Iterable[str]) -> list[Host]:
    """The servers of a list of URLs, or of one text with commas between; [] when it is empty.

    `redis://`, `rediss://` (TLS) and `unix://` as redis-py reads them, with its options in the query;
    `redis+sentinel://user:password@host:26379,host:26379/service/0` for what Sentinel names, `rediss+sentinel://` with
    TLS to the Sentinels too, whose own user and password are `?sentinel_username=…&sentinel_password=…`.
    Raises ValueError with what a URL must be; its text holds nothing of the URL, which may have a password.
    """
    if isinstance(urls, str):
        urls = re.split(r",\s*(?=[a-z+]+://)", urls.strip()) if urls.strip() else []
    return [_host(url.strip()) for url in urls]


@dataclass(frozen=True, slots=True)
class Ring:
    """Which of `size` servers a topic belongs to, as channels-redis decides it for the group of the same name."""

    prefix: str
    size: int

    def shard(self, topic: str) -> int:
        """The number of the server, from 0."""
        return (crc32(f"{self.prefix}__group__{topic}".encode()) % RING) * self.size // RING


def _host(url: str) -> Host:
    scheme = url.partition("://")[0]
    if scheme not in SCHEMES or "://" not in url:
        raise ValueError("must begin with redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://")
    parts = urlsplit(url)
    if scheme.endswith("+sentinel"):
        host = _by_sentinel(parts)
    elif "," in parts.netloc:
        raise ValueError("must have a scheme for each server of a list: redis://one:6379,redis://two:6379")
    else:
        _port(parts)
        host = {"address": url}
    _check(host)
    return host


def _by_sentinel(parts: SplitResult) -> Host:
    account, _, sentinels = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not sentinels or not service or not (database or "0").isdigit():
        raise ValueError("must name the service: redis+sentinel://host:26379,host:26379/service/0")
    options = _options(account, database, parts.query)
    account_of_sentinel = {
        name.removeprefix("sentinel_"): options.pop(name) for name in list(options) if name.startswith("sentinel_")
    }
    if parts.scheme == "rediss+sentinel":
        options["ssl"] = True
    return {
        "master_name": service,
        "sentinels": [_sentinel(sentinel) for sentinel in sentinels.split(",")],
        "sentinel_kwargs": {
            "socket_timeout": SENTINEL_TIMEOUT_S,
            "socket_connect_timeout": SENTINEL_TIMEOUT_S,
            **{name: value for name, value in options.items() if name.startswith("ssl")},
            **account_of_sentinel,
        },
        **options,
    }


def _sentinel(address: str) -> tuple[str, int]:
    parts = urlsplit(f"//{address}")
    port = _port(parts) or SENTINEL_PORT
    if not parts.hostname:
        raise ValueError("must have a host for each Sentinel: redis+sentinel://host:26379,host:26379/service/0")
    return parts.hostname, port


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ValueError("has a port that is no number; in a password / is written %2F and @ is %40") from None


def _options(account: str, database: str, query: str) -> Host:
    """User, password, database and the options of the query, as redis-py reads them."""
    parse_url = _redis().parse_url
    try:
        options: Host = parse_url(f"redis://{account}@host/{database or 0}?{query}")
    except ValueError as error:
        raise ValueError(f"has a wrong option: {error}") from None
    del options["host"]
    return options


def _check(host: Host) -> None:
    """Makes a connection object without connecting it: an option that does not exist is refused at the start."""
    _redis()
    from channels_redis.utils import create_pool

    try:
        create_pool(host).make_connection()
    except TypeError as error:
        raise ValueError(f"has an option that does not exist: {str(error).rpartition(' ')[2]}") from None
    except ValueError as error:
        raise ValueError(f"has a wrong option: {error}") from None


def _redis() -> Any:
    try:
        import channels_redis  # noqa: F401 - one process alone needs no Redis
        from redis.asyncio import connection
    except ImportError:
        raise ValueError("needs the packages redis and channels-redis, which are not installed") from None
    return connection
