"""Whatever a REST view raises: one shape of answer, and never a bare 500."""

from typing import Any

import pytest
from django.core import exceptions as django
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from django.test import Client
from rest_framework import exceptions as drf
from structlog.testing import capture_logs

from rooms import errors
from rooms.refusals import rest_error


def catalogue() -> list[type[errors.ChatError]]:
    found, waiting = [], [errors.ChatError]
    while waiting:
        found.append(waiting.pop())
        waiting += found[-1].__subclasses__()
    return found


@pytest.mark.parametrize("kind", catalogue())
def test_every_error_of_the_catalogue_is_told_with_its_code_and_status(kind: type[errors.ChatError]) -> None:
    response = rest_error(kind(), {})
    expected: dict[str, Any] = {"error": kind.text, "code": kind.code}
    expected |= ({"retryable": True} if kind.retryable else {}) | ({"reason": kind.reason} if kind.reason else {})
    assert response.data == expected
    assert response.status_code == kind.status


def test_waiting_is_told_in_the_body_and_in_the_header() -> None:
    response = rest_error(errors.RateLimited(retry_after_ms=1500), {})
    assert response.data["retryAfterMs"] == 1500
    assert response["Retry-After"] == "2"


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (drf.ParseError(), 400, "bad-json"),
        (drf.NotAuthenticated(), 401, "auth-required"),
        (drf.AuthenticationFailed(), 401, "auth-required"),
        (drf.PermissionDenied(), 403, "forbidden"),
        (drf.NotFound(), 404, "not-found"),
        (drf.MethodNotAllowed("PUT"), 405, "method-not-allowed"),
        (drf.NotAcceptable(), 406, "not-acceptable"),
        (drf.UnsupportedMediaType("text/plain"), 415, "unsupported-media-type"),
        (drf.Throttled(wait=1.5), 429, "rate-limited"),
        (django.ValidationError("No"), 400, "bad-frame"),
        (django.BadRequest(), 400, "bad-json"),
        (django.SuspiciousOperation(), 400, "bad-json"),
        (django.PermissionDenied(), 403, "forbidden"),
        (Http404(), 404, "not-found"),
        (DataError(), 400, "bad-frame"),
        (OperationalError(), 503, "unavailable"),
        (InterfaceError(), 503, "unavailable"),
        (IntegrityError(), 500, "internal"),
        (ZeroDivisionError("a secret"), 500, "internal"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_others_raise_is_told_in_the_same_shape(raised: Exception, status: int, code: str) -> None:
    with capture_logs():
        response = rest_error(raised, {})
    assert (response.status_code, response.data["code"]) == (status, code)
    assert response.data["error"]
    assert "secret" not in response.data["error"]


def test_a_fault_of_ours_is_logged_with_its_stack() -> None:
    fault = ZeroDivisionError()
    with capture_logs() as logs:
        rest_error(fault, {})
    [entry] = logs
    assert (entry["event"], entry["log_level"], entry["exc_info"]) == ("request.failed", "error", fault)


def test_a_refusal_is_not_logged() -> None:
    with capture_logs() as logs:
        rest_error(errors.Forbidden(), {})
    assert logs == []


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api/rooms/a/b/c"])
def test_where_nothing_is_the_answer_is_json_too(path: str, method: str) -> None:
    response = Client(enforce_csrf_checks=True).generic(method, path)
    assert (response.status_code, response.json()["code"]) == (404, "not-found")


def test_a_method_that_is_not_there_is_refused_in_json() -> None:
    response = Client().get("/api/auth")
    assert (response.status_code, response.json()["code"]) == (405, "method-not-allowed")
    assert "POST" in response.headers["Allow"]
