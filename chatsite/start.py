"""What every program of the site does first: it reads the settings, and ends with one sentence when one is wrong."""

import errno
import os
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from chatsite import variables

T = TypeVar("T")
log = structlog.get_logger(__name__)


def load_settings() -> None:
    """Exits with the sentence that names a wrong setting."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    or_exit(lambda: import_module(os.environ["DJANGO_SETTINGS_MODULE"]))


def or_exit(read: Callable[[], T]) -> T:
    try:
        return read()
    except ImproperlyConfigured as error:
        sys.exit(str(error))


def log_unknown_variables() -> None:
    for sentence in variables.unknown(settings.ENV_FILE_NAMES):
        log.warning("settings.unknown_variable", problem=sentence)


def require_free_port(host: str, port: int) -> None:
    """Exits with a sentence when another program listens there; any other trouble is the server's to report."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":  # a port whose last connections have just ended is free; on Windows the option steals it
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                sys.exit(taken(host, port))


def taken(host: str, port: int) -> str:
    return f"Port {port} of {host} is taken by another program. Stop it, or set PORT to another number."
