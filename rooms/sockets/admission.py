"""Who may have one more connection: how many a user and an address may have, and how fast they may reconnect.

Closes are counted, not connects, and none that this process caused: a restart sends nobody into the pause. Presence
counts a user's sockets over all processes, each process those of an address for itself.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from rooms import guesses
from rooms.closes import OVERLOADED, RECONNECTING, TOO_MANY_CONNECTIONS, Close
from rooms.conf import RATES, conf
from rooms.errors import ChatError, Forbidden, RateLimited
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.live.rates import Rates, refusal
from rooms.rates import Rate
from rooms.sockets.answers import refuse

OURS = (OVERLOADED, RECONNECTING)  # closes of sockets that were never served


class NotAdmitted(NamedTuple):
    """Why a connection is closed that has just been opened or signed in."""

    error: ChatError
    close: Close

    def answer(self, connection: Connection, command_id: str | None = None) -> None:
        refuse(connection, self.error, command_id)
        connection.close(self.close)


@lru_cache(maxsize=10_000)
def owner(address: str) -> str:
    """Whom an address stands for: of IPv6 the network of 64 bits, which one household has. Empty when unknown."""
    return guesses.network(address) or ""


def at_handshake(node: Node, connection: Connection) -> NotAdmitted | None:
    """Whether this address may have one more socket, which is counted already."""
    address, limit = owner(connection.address), conf.CHAT_MAX_CONNECTIONS_PER_ADDRESS
    if not address:
        return None
    try:
        _check_pause(node.rates, "address-connects", address)
        node.rates.spend("address-frames", address)
    except RateLimited as error:
        return NotAdmitted(error, RECONNECTING)
    if 0 < limit < node.rates.sockets[address]:
        return NotAdmitted(Forbidden(f"One address can have {limit} connections at most"), TOO_MANY_CONNECTIONS)
    return None


def at_sign_in(node: Node, user_id: Any) -> NotAdmitted | None:
    """Whether this user may sign in, or reconnects too often."""
    try:
        _check_pause(node.rates, "connects", user_id)
    except RateLimited as error:
        return NotAdmitted(error, RECONNECTING)
    return None


def signed_in(sockets: int) -> NotAdmitted | None:
    """Whether a user may have this number of sockets."""
    limit = conf.CHAT_MAX_CONNECTIONS_PER_USER
    if 0 < limit < sockets:
        return NotAdmitted(Forbidden(f"One user can have {limit} connections at most"), TOO_MANY_CONNECTIONS)
    return None


def opened(node: Node, connection: Connection) -> None:
    node.rates.sockets[owner(connection.address)] += 1


def closed(node: Node, connection: Connection) -> None:
    """Counts a close, unless this process caused it: then its client only does as it was asked."""
    address = owner(connection.address)
    node.rates.sockets[address] -= 1
    if not node.rates.sockets[address]:
        del node.rates.sockets[address]
    if node.draining or connection.closing in OURS:
        return
    if address:
        _count(node.rates, "address-connects", address)
    if connection.identity is not None:
        _count(node.rates, "connects", connection.identity.user_id)


def _count(rates: Rates, bucket: str, whose: Any) -> None:
    rate: Rate | None = getattr(conf, RATES[bucket])
    if rate is not None:
        rates.try_take((bucket, whose), rate)


def _check_pause(rates: Rates, bucket: str, whose: Any) -> None:
    """RateLimited while a pause lasts; begins one when the bucket is empty."""
    rate: Rate | None = getattr(conf, RATES[bucket])
    if rate is None or not conf.CHAT_CONNECT_PAUSE_S:
        return
    pause, key = Rate(conf.CHAT_CONNECT_PAUSE_S, burst=1), ("pause", bucket, whose)
    wait_s = rates.wait_s(key, pause)
    if not wait_s and rates.wait_s((bucket, whose), rate):
        rates.try_take(key, pause)
        wait_s = pause.interval_s
    if wait_s:
        raise refusal(bucket, wait_s)
