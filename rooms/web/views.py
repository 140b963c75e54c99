"""The chat page, and the configuration of its scripts; rooms and messages come over the socket."""

from django.contrib.auth.decorators import login_not_required, login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from rooms.conf import conf
from rooms.errors import AuthRequired, BadFrame
from rooms.protocol.rules import room_name
from rooms.web.configuration import configuration, public_urls


@require_safe
@never_cache
@login_required
def chat(request: HttpRequest, name: str | None = None) -> HttpResponse:
    """The page, with this room open; 404 for an impossible name. Whether the room exists the socket answers."""
    try:
        room = room_name(name) if name is not None else None
    except BadFrame as error:
        raise Http404 from error
    urls = {"account_url": conf.CHAT_ACCOUNT_URL, "sign_out_url": conf.CHAT_SIGN_OUT_URL}
    page = {"config": configuration(request), "room": room}
    page |= {name: resolve_url(url) if url else "" for name, url in urls.items()}
    return render(request, "rooms/chat.html", page)


@require_safe
@never_cache
@login_not_required  # a redirect to a page would say nothing to a script
def config(request: HttpRequest) -> JsonResponse:
    """What <chat-room> fetches; 401 with the address to sign in at."""
    if request.user.is_authenticated:
        return JsonResponse(configuration(request))
    refusal = {"error": gettext("Sign in to read and write here"), "code": AuthRequired.code, "urls": public_urls()}
    return JsonResponse(refusal, status=AuthRequired.status)
