"""The chat page. It carries what the script needs at its start; rooms and messages come over the socket."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from rooms import people
from rooms.conf import conf
from rooms.errors import BadFrame
from rooms.protocol.rules import room_name
from rooms.web.texts import TEXTS


@require_safe
@never_cache
@login_required
def chat(request: HttpRequest, name: str | None = None) -> HttpResponse:
    """The page, with this room open; 404 for an impossible name. Whether the room exists the socket answers."""
    try:
        room = room_name(name) if name is not None else None
    except BadFrame as error:
        raise Http404 from error
    page = {
        "me": {"id": str(request.user.pk), "username": people.shown(request.user).name},
        "room": room,
        "language": get_language(),
        "maxContentChars": conf.CHAT_MAX_CONTENT_CHARS,
        "urls": {"chat": reverse("chat:home"), "signIn": resolve_url(settings.LOGIN_URL)},
        "texts": TEXTS,
    }
    return render(request, "rooms/chat.html", {"page": page})
