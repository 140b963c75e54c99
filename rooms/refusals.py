"""The one place where a refusal becomes an HTTP answer: `{error, code}`, whatever raised it."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from django.contrib.auth.decorators import login_not_required
from django.core import exceptions
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAuthenticated,
    NotFound,
    ParseError,
    PermissionDenied,
    Throttled,
)
from rest_framework.response import Response

from rooms.errors import AuthRequired, BadFrame, BadJson, ChatError, Forbidden, Internal, RateLimited, Unavailable
from rooms.rest import Refusal

log = structlog.get_logger(__name__)


def rest_error(exc: Exception, context: Mapping[str, Any]) -> Response:  # noqa: ARG001 - its shape is DRF's
    """The answer to a request that raised this; DRF's EXCEPTION_HANDLER."""
    answer, status, headers = refusal(exc)
    return Response(msgspec.to_builtins(answer), status=status, headers=headers)


def refusal(exc: Exception) -> tuple[Refusal, int, dict[str, str]]:
    """Body, status and headers of the answer to a request that raised this."""
    if isinstance(exc, Http404):
        exc = NotFound()
    error = _chat_error(exc)
    if error is None and isinstance(exc, APIException):  # what only HTTP knows: a method, a media type
        code = str(exc.default_code).replace("_", "-")
        return Refusal(error=str(exc.detail), code=code), exc.status_code, {}
    if error is None:
        log.error("request.failed", exc_info=exc)
        error = Internal()
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if error.retry_after_ms is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_ms / 1000))
    answer = Refusal(
        error.message,
        error.code,
        error.retryable,
        error.retry_after_ms,
        error.bucket,
        error.reason,
        _fields(exc),
        error.current,
        error.offset,
    )
    return answer, error.status, headers


@csrf_exempt  # otherwise a POST would get the page about an expired form
@login_not_required
def not_found(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - its shape is Django's
    """The answer for unknown paths under /api/."""
    return JsonResponse(msgspec.to_builtins(Refusal(error="Not found", code="not-found")), status=404)


def _chat_error(exc: Exception) -> ChatError | None:  # noqa: PLR0911 - a table, one line an entry
    """The ChatError for an exception of Django, DRF or the database; None when it has none."""
    match exc:
        case ChatError():
            return exc
        case exceptions.ValidationError():
            return BadFrame(" ".join(exc.messages))
        case ParseError() | exceptions.BadRequest() | exceptions.SuspiciousOperation():
            return BadJson()
        case NotAuthenticated() | AuthenticationFailed():
            return AuthRequired()
        case PermissionDenied() | exceptions.PermissionDenied():
            return Forbidden()
        case Throttled():
            wait_s: float | None = getattr(exc, "wait", None)
            return RateLimited(retry_after_ms=math.ceil(wait_s * 1000) if wait_s else None)
        case DataError():  # PostgreSQL stores no NUL, and a session cookie may hold one
            log.warning("database.refused", exc_info=exc)
            return BadFrame("The request has a value that cannot be stored")
        case OperationalError() | InterfaceError():
            log.warning("database.failed", exc_info=exc)
            return Unavailable("The database does not answer")
    return None


def _fields(exc: Exception) -> dict[str, list[str]]:
    if isinstance(exc, exceptions.ValidationError) and hasattr(exc, "error_dict"):
        return dict(exc.message_dict)
    return {}
