"""One shape for every log record, ours and the libraries': JSON lines in production, readable lines in development.

Called by the settings before any app is loaded, so it may know nothing of Django but its exception.
"""

import logging.config
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

from monitoring.redaction import guard

OUR_PACKAGES = ("accounts", "chatsite", "monitoring", "rooms")
SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "daphne", "django", "django.server")
Event = MutableMapping[str, Any]


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_OF_SEVERAL_LINES = ("exception", "stack")


def _stamp(_logger: Any, _method: str, event: Event) -> Event:
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _order(_logger: Any, _method: str, event: Event) -> Event:
    first = {name: event.pop(name, "") for name in ("timestamp", "level", "logger", "event")}
    return {**first, **event}


def _escape(_logger: Any, _method: str, event: Event) -> Event:
    """What a terminal would act upon, and what turns text around, as `\\x1b`: a line of a log is one line, in order."""

    def escaped(name: str, text: str) -> str:
        keeps = "\n\t" if name in _OF_SEVERAL_LINES else ""
        return _UNPRINTABLE.sub(lambda match: match[0] if match[0] in keeps else ascii(match[0])[1:-1], text)

    return {name: escaped(name, value) if isinstance(value, str) else value for name, value in event.items()}


_CHAIN: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _stamp,
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,  # the plain one: others print the values of local variables
]
_OURS: list[structlog.typing.Processor] = [
    structlog.stdlib.filter_by_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    *_CHAIN,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]
# Of what libraries attach to their records only these: the rest are requests, sockets and doubles of the text.
_THEIRS: list[structlog.typing.Processor] = [*_CHAIN, structlog.stdlib.ExtraAdder(allow=["status_code"])]


class RefusedHosts(logging.Filter):
    """Django logs a request for an unknown host as an error with a stack; anybody can cause one."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        record.exc_info = record.exc_text = None
        return True


def use_the_projects_logging() -> None:
    """Where nobody has configured structlog, its events become records of the project's own logging."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            guard,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def configure(*, debug: bool, level: str, directory: str) -> None:
    """Sends all records to the console and, if a directory is named, to its combined.log and error.log.

    `level` is for our own packages; libraries speak from INFO on at the most, because their debug records hold whole
    frames and the parameters of SQL. Raises ImproperlyConfigured when the directory cannot be written.
    """
    structlog.configure(
        processors=_OURS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handlers: dict[str, Any] = {
        "console": {"class": "logging.StreamHandler", "formatter": "readable" if debug else "json"},
    } | (_files(Path(directory)) if directory else {})
    libraries_level = max(logging.INFO, logging.getLevelName(level))
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": _formatter(_json()), "readable": _formatter(_escape, _readable())},
            "handlers": handlers,
            "filters": {"refused_hosts": {"()": RefusedHosts}},
            "root": {"level": libraries_level, "handlers": list(handlers)},
            "loggers": {name: {"level": level} for name in OUR_PACKAGES}
            # A server may have given its loggers handlers of their own before our settings were read.
            | {name: {"level": libraries_level, "handlers": [], "propagate": True} for name in SERVER_LOGGERS}
            | {"django.security.DisallowedHost": {"filters": ["refused_hosts"]}},
        }
    )
    logging.captureWarnings(True)


def _formatter(*renderers: structlog.typing.Processor) -> dict[str, Any]:
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _THEIRS,
        "processors": [remove_meta, guard, _order, *renderers],
    }


def _json() -> structlog.typing.Processor:
    return structlog.processors.JSONRenderer()


def _readable() -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )


def _files(directory: Path) -> dict[str, Any]:
    levels = {"combined.log": "NOTSET", "error.log": "ERROR"}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in levels:
            (directory / name).open("a").close()
    except OSError as error:
        raise ImproperlyConfigured(f"LOG_DIR: cannot write logs in {directory}: {error.strerror}.") from error
    return {
        name: {
            "()": "monitoring.rotation.file_handler",
            "path": directory / name,
            "level": level,
            "formatter": "json",
        }
        for name, level in levels.items()
    }
