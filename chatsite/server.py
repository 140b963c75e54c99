"""The production server: uvicorn, with the protocols of chatsite.http_protocol and chatsite.socket_protocol.

Run as `python -m chatsite.server`; `make serve` prepares the database and the static files first.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from tempfile import TemporaryDirectory
from typing import Any

import structlog
import uvicorn
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from chatsite import descriptors, environment, start
from rooms.conf import conf

log = structlog.get_logger(__name__)
GRACE_S = 20  # time to store queued messages and to close connections, before the rest are cut


def main() -> None:
    """Starts WORKERS processes (default 1) on CHAT_HOST (default 127.0.0.1) and PORT; more than one needs Redis."""
    start.load_settings()
    start.log_unknown_variables()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again when all is done, to end with 143
    options = start.or_exit(_options)
    descriptors.raise_limit()
    if problem := descriptors.problem():
        log.warning("server.few_descriptors", problem=problem)
    start.require_free_port(options["host"], options["port"])
    with _shared_metrics() if options["workers"] > 1 else nullcontext():
        uvicorn.run("chatsite.asgi:application", **options)


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """A folder in which the workers share their metrics; the library finds it by this variable when they import it."""
    with TemporaryDirectory(prefix="chat-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def _options() -> dict[str, Any]:
    return {
        "host": environment.text("CHAT_HOST", default="127.0.0.1"),
        "port": settings.PORT,
        "workers": _workers(),
        "loop": "auto",  # uvloop, which Windows does not have
        "http": "chatsite.http_protocol:HttpProtocol",
        "ws": "chatsite.socket_protocol:ChatProtocol",
        "ws_max_size": conf.CHAT_MAX_FRAME_BYTES or sys.maxsize,
        "ws_ping_interval": conf.CHAT_HEARTBEAT_S,
        "ws_ping_timeout": conf.CHAT_HEARTBEAT_S,
        "ws_per_message_deflate": False,  # 37 KB a socket, and the same frame deflated for each recipient
        "timeout_graceful_shutdown": GRACE_S,
        "forwarded_allow_ips": environment.networks("CHAT_TRUSTED_PROXIES", default=["127.0.0.1", "::1"]),
        "log_config": None,
        "access_log": False,
        "server_header": False,
    }


def _workers() -> int:
    workers = environment.number("WORKERS", default=1, minimum=1)
    if workers > 1 and not conf.CHAT_REDIS_URL:
        raise ImproperlyConfigured(
            "WORKERS is over 1: set REDIS_URL (or REDIS_HOST), by which the processes reach each other."
        )
    return workers


if __name__ == "__main__":
    main()
