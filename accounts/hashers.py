"""How passwords are hashed: argon2, CHAT_PASSWORD_HASHES at once in one process. Knows no users.

A hash takes 100 MB and a core. Without a bound, a hundred sign-ins at once would take ten gigabytes; so they wait for
their turn, each on the thread of its request, and without a connection to the database: a pool of 20 would be empty.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connections

from rooms import database
from rooms.conf import conf
from rooms.errors import RateLimited

turns = BoundedSemaphore(conf.CHAT_PASSWORD_HASHES)


class Argon2Hasher(Argon2PasswordHasher):
    """Raises RateLimited after CHAT_PASSWORD_WAIT_MS without a turn."""

    def encode(self, password: str, salt: str) -> str:
        with _turn():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _turn():
            return super().verify(password, encoded)


@contextmanager
def _turn() -> Iterator[None]:
    _give_connections_back()
    wait_ms = conf.CHAT_PASSWORD_WAIT_MS
    if not turns.acquire(timeout=wait_ms / 1000 if wait_ms else None):
        raise RateLimited("Too many people sign in at the moment", retry_after_ms=wait_ms)
    try:
        yield
    finally:
        turns.release()


def _give_connections_back() -> None:
    """To their pools, for as long as this thread waits and hashes. Within a transaction that is not possible."""
    if database.is_lent():
        return
    for connection in connections.all(initialized_only=True):
        if getattr(connection, "pool", None) and not connection.in_atomic_block:
            connection.close()
