"""Requests to addresses that users have named: to public ones only, and never by more than one look at a name.

A name is resolved once and connected to by the address that was judged: a resolver that answers something else a moment
later changes nothing. The name stays that of the request and of its certificate. CHAT_WEBHOOK_ALLOWED_HOSTS are the
operator's own exceptions. No proxy is used, and the body of an answer is not read.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpcore

from rooms.conf import conf

MAX_REDIRECTS = 3
REPEATING = (307, 308)  # redirects that mean the same request again; the others would turn it into another one
RESOLVERS = 4  # threads for names: a slow name server delays no more than webhooks
MAX_URL = 500
TRANSLATED = IPv6Network("64:ff9b::/96")  # an IPv4 address behind NAT64
UNICAST = IPv6Network("2000::/3")  # what is public of IPv6
# Ways into other networks, or of protocols: nothing public is only there.
NEVER = [ip_network(text) for text in ("2002::/16", "2001::/23", "192.0.0.0/24", "192.88.99.0/24")]
MAX_ADDRESSES = 3  # of one name that are tried


class NotPublic(Exception):
    """The request would go to an address that is not public, or by another scheme."""


class Outcome(NamedTuple):
    """The status of the answer; 0: there was none, for the reason that `error` names."""

    status: int
    error: str = ""


def problem(url: str) -> str | None:
    """What is wrong with an address as it is written; None: nothing. What its name leads to is looked up later."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "it is no URL"
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "it must begin with https:// or http://, and name a host"
    if parts.username is not None or parts.password is not None:
        return "it must have no user and no password"
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"it must have {MAX_URL} characters of ASCII at most, and no blanks"
    literal = _literal(host)
    if literal is not None and not is_allowed(host) and not is_public(literal):
        return "it must be a public address"
    return None


def is_allowed(host: str) -> bool:
    """Whether the operator has named this host."""
    return host.lower() in {name.lower() for name in conf.CHAT_WEBHOOK_ALLOWED_HOSTS}


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether everybody can reach it: no network of one's own, no machine's own address, no metadata of a cloud."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in TRANSLATED:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in UNICAST:
            return False
    is_special = any(address in network for network in NEVER if network.version == address.version)
    return address.is_global and not (address.is_multicast or is_special)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_resolvers(), _look_up, host, port)
    return [str(entry[4][0]) for entry in found]


def _look_up(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


@cache
def _resolvers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(RESOLVERS, "resolver")


async def addresses_of(host: str, port: int) -> list[str]:
    """The addresses to connect to; NotPublic where one of the name's is not public, unless the operator allows it."""
    addresses = list(dict.fromkeys(await resolve(host, port)))
    if not is_allowed(host) and not all(is_public(ip_address(one.partition("%")[0])) for one in addresses):
        raise NotPublic
    return addresses[:MAX_ADDRESSES]


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that were judged, one after the other."""

    def __init__(self) -> None:
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - its shape is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failed: Exception = httpcore.ConnectError("The name has no address")
        for address in await addresses_of(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failed = error
        raise failed

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise NotPublic


async def post(url: str, headers: dict[str, str], body: bytes) -> Outcome:
    """Sends it, within CHAT_WEBHOOK_TIMEOUT_S in all; whatever goes wrong is in what is answered."""
    try:
        async with asyncio.timeout(conf.CHAT_WEBHOOK_TIMEOUT_S or None):
            return await _follow(url, headers, body)
    except TimeoutError:
        return Outcome(0, "no answer in time")
    except NotPublic:
        return Outcome(0, "the address is not public")
    except (OSError, UnicodeError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        return Outcome(0, f"not reached: {type(error).__name__}")


async def _follow(url: str, headers: dict[str, str], body: bytes) -> Outcome:
    for _ in range(MAX_REDIRECTS + 1):
        if problem(url) is not None:
            raise NotPublic
        status, target = await _send(url, headers, body)
        if status not in REPEATING or not target:
            return Outcome(status, "" if 200 <= status < 300 else f"answered with {status}")
        url = _joined(url, target)
    return Outcome(status, "too many redirects")


def _joined(url: str, target: str) -> str:
    """Where a redirect leads; raises NotPublic for what is no address."""
    try:
        return urljoin(url, target)
    except ValueError:
        raise NotPublic from None


async def _send(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    """The status, and where a redirect leads."""
    pool = httpcore.AsyncConnectionPool(
        ssl_context=_certificates(), max_keepalive_connections=0, network_backend=_Guarded()
    )
    async with pool, pool.stream("POST", url, headers=list(headers.items()), content=body) as answer:
        target = next((value for name, value in answer.headers if name.lower() == b"location"), b"")
        return answer.status, target.decode("latin-1")


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()
