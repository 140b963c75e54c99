"""How often an address or an account may try: passwords, new accounts, mails for a new password.

How tries are counted is in rooms.guesses; whether a password is right, in the block of `password`. Who has signed in is
not asked again, so nobody loses a session, a token or a socket by what others guess at their name.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from rooms import guesses, names
from rooms.conf import conf
from rooms.errors import AuthRequired, RateLimited
from rooms.guesses import Count

log = structlog.get_logger(__name__)


@contextmanager
def password(*, username: str, address: str, door: str) -> Iterator[None]:
    """Counts a try at the password of an account, which the block makes; raises RateLimited instead after too many.

    The block raises AuthRequired for a wrong one. A right one is not counted for its address, and resets the count of
    its account.
    A name is counted, and refused, whether it is somebody's or not.
    """
    whose = {"door": door, "address": address, "account": account(username)}
    own = guesses.by_name("account", names.key(username), conf.CHAT_SIGN_IN_ACCOUNT_FAILURES)
    try:
        taken = guesses.take((*own, *guesses.by_address("password", address, conf.CHAT_SIGN_IN_ADDRESS_FAILURES)))
    except RateLimited:
        log.warning("sign_in.refused", **whose)
        raise
    try:
        yield
    except AuthRequired:
        log.warning("sign_in.failed", by="password", **whose)
        raise
    except BaseException:
        guesses.give_back(taken)
        raise
    guesses.give_back(taken)
    guesses.forget(own)


def account(username: str) -> str:
    """What stands for this name, in any spelling, in the log."""
    return guesses.hashed(names.key(username))


def registration(*, address: str) -> None:
    """Counts a new account; raises RateLimited after too many of this address."""
    counts = guesses.by_address("registration", address, conf.CHAT_SIGN_IN_ADDRESS_ACCOUNTS)
    _take(counts, of="registration", address=address)


def mail(*, address: str) -> None:
    """Counts a question for a new password; raises RateLimited after too many of this address."""
    counts = guesses.by_address("mail", address, conf.CHAT_SIGN_IN_ADDRESS_MAILS)
    _take(counts, of="mail", address=address)


def _take(counts: tuple[Count, ...], **what: str) -> None:
    try:
        guesses.take(counts)
    except RateLimited:
        log.warning("address.refused", **what)
        raise
