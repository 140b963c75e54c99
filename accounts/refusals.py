"""How a page says that somebody tried too often, or that too many sign in at once. REST says it by rooms.refusals."""

import math

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import ngettext

from rooms.errors import RateLimited


class RefusalPages(MiddlewareMixin):
    """In MIDDLEWARE: a page for what no form shows, as when a new password in the admin gets no turn at hashing."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, RateLimited):
            return None
        page = render(request, "accounts/too_many.html", {"sentence": sentence(exception)}, status=429)
        return with_wait(page, exception)


def sentence(error: RateLimited) -> str:
    """When the next try counts, for people."""
    seconds = _seconds(error)
    if seconds < 60:
        text = ngettext(
            "Too many attempts. Try again in %(count)d second.",
            "Too many attempts. Try again in %(count)d seconds.",
            seconds,
        )
        return text % {"count": seconds}
    minutes = math.ceil(seconds / 60)
    text = ngettext(
        "Too many attempts. Try again in %(count)d minute.",
        "Too many attempts. Try again in %(count)d minutes.",
        minutes,
    )
    return text % {"count": minutes}


def with_wait(response: HttpResponse, error: RateLimited) -> HttpResponse:
    """The answer as a refusal of this status, with the time to wait."""
    response.status_code = error.status
    response.headers["Retry-After"] = str(_seconds(error))
    return response


def _seconds(error: RateLimited) -> int:
    return max(1, math.ceil((error.retry_after_ms or 0) / 1000))
