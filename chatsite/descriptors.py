"""How many files and sockets this process may have open: raised as far as the system allows, checked at the start."""

import sys
from typing import Any

from rooms.conf import conf


def _resource() -> Any:
    """The module for limits; None on Windows, which has neither."""
    try:
        import resource
    except ImportError:
        return None
    return resource


resource = _resource()

RESERVE = 100  # for databases, Redis, logs and the files of pages


def limit() -> int:
    """Of this process, now."""
    if resource is None:
        return sys.maxsize
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def raise_limit() -> None:
    """To what an administrator allows: shells start with 1,024, for the sake of programs that cannot count further."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_connections() -> int:
    """How many connections leave the reserve to everything else."""
    most = limit()
    return max(most - RESERVE, most // 2)


def problem() -> str | None:
    """A sentence when there are fewer than CHAT_MAX_CONNECTIONS may need; None: they suffice."""
    needed = conf.CHAT_MAX_CONNECTIONS + RESERVE
    if limit() >= needed:
        return None
    return (
        f"This process may open {limit()} files and sockets, and needs {needed} for CHAT_MAX_CONNECTIONS: "
        "raise the limit (LimitNOFILE, ulimit -n), or lower CHAT_MAX_CONNECTIONS."
    )
