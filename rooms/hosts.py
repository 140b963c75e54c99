"""Under which names this site is reached (ALLOWED_HOSTS), for what passes no middleware of Django."""

from collections.abc import Mapping

import structlog
from django.conf import settings
from django.http.request import split_domain_port, validate_host

log = structlog.get_logger(__name__)
IN_DEVELOPMENT = [".localhost", "127.0.0.1", "[::1]"]  # as Django has it, where the setting is empty


def requested(headers: Mapping[str, str]) -> str:
    """The host of a request by its headers, as Django reads it for pages."""
    forwarded = headers.get("x-forwarded-host", "") if settings.USE_X_FORWARDED_HOST else ""
    return forwarded or headers.get("host", "")


def is_served(headers: Mapping[str, str], path: str) -> bool:
    """Whether this site answers to the host of a request; a refusal is logged."""
    host = requested(headers)
    allowed = settings.ALLOWED_HOSTS or (IN_DEVELOPMENT if settings.DEBUG else [])
    if validate_host(split_domain_port(host)[0], allowed):
        return True
    log.warning("host.refused", host=host[:100], path=path[:100])
    return False
