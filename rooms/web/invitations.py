"""The page that an invitation link leads to. It only shows the room: joining is a POST, because programs open links."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from rooms import callers
from rooms.errors import Banned, ChatError, InvalidInvitation
from rooms.services import invitations


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@csrf_protect
def invitation(request: HttpRequest, code: str) -> HttpResponse:
    """The room of this code, with a button that makes the visitor a member."""
    actor = callers.actor(request.user, "page")
    try:
        if request.method == "POST":
            room = invitations.accept(actor=actor, code=code)
            return redirect(reverse("chat:room", args=[room.name]))
        room = invitations.shown(actor=actor, code=code)
    except ChatError as error:
        return _refusal(request, error)
    return _answer(request, {"room": room, "title": room.title or room.name})


def _refusal(request: HttpRequest, error: ChatError) -> HttpResponse:
    match error:
        case InvalidInvitation():
            text = _("This invitation is not valid: it does not exist, has expired, was used or was revoked.")
        case Banned():
            text = _("You are banned from this room.")
        case _:
            text = _("This cannot be done now.")
    return _answer(request, {"refusal": text}, error.status)


def _answer(request: HttpRequest, values: dict[str, object], status: int = 200) -> HttpResponse:
    response = render(request, "rooms/invitation.html", values, status=status)
    response["Referrer-Policy"] = "same-origin"  # the address is a secret; with `no-referrer` the form would be refused
    return response
