"""Answers /health, /ready and /metrics whatever the Host: a kubelet, a load balancer and Prometheus send an address.

No such address can be in ALLOWED_HOSTS, because it changes with every start. The three answers hold numbers only and
nothing made from the Host; every other path keeps Django's check.
"""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.decorators import sync_and_async_middleware

from monitoring import views

Respond = Callable[[HttpRequest], HttpResponse]
RespondAsync = Callable[[HttpRequest], Awaitable[HttpResponse]]
VIEWS: dict[str, Respond] = {"health": views.health, "ready": views.ready, "metrics": views.metrics}


@sync_and_async_middleware
def answer_probes(get_response: Respond | RespondAsync) -> Respond | RespondAsync:
    """First in MIDDLEWARE: also a redirect to HTTPS, which a probe cannot follow, comes later."""
    if iscoroutinefunction(get_response):

        async def respond_async(request: HttpRequest) -> HttpResponse:
            view = _probe(request)
            return await (sync_to_async(view)(request) if view else cast(RespondAsync, get_response)(request))

        return respond_async

    def respond(request: HttpRequest) -> HttpResponse:
        return (_probe(request) or cast(Respond, get_response))(request)

    return respond


def _probe(request: HttpRequest) -> Respond | None:
    """The view, where `monitoring.urls` is included; None for every other path, as of a room called `health`."""
    view = VIEWS.get(request.path_info.rstrip("/").rpartition("/")[2])
    try:
        return view if view and resolve(request.path_info).func is view else None
    except Resolver404:
        return None
