"""What the scripts of a page must know before they connect: user, limits, texts, and every address."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.request import HttpHeaders
from django.middleware.csrf import get_token
from django.shortcuts import resolve_url
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse
from django.utils.translation import get_language

from rooms import files, people
from rooms.conf import conf
from rooms.web.texts import TEXTS

STYLE = "rooms/chat-room.css"


def configuration(request: HttpRequest) -> dict[str, Any]:
    """The configuration of a signed-in user, for `json_script`, or as the answer at `chat:config`."""
    me = people.shown(request.user)
    return {
        "me": {"id": str(request.user.pk), "username": me.name, **({"avatar": me.avatar} if me.avatar else {})},
        "language": get_language(),
        "maxContentChars": conf.CHAT_MAX_CONTENT_CHARS,
        "editWindowS": conf.CHAT_EDIT_WINDOW_S,
        "slashCommands": conf.CHAT_SLASH_COMMANDS,
        "maxFileBytes": files.max_bytes(),
        "maxFiles": conf.CHAT_MAX_FILES_PER_MESSAGE,
        "csrf": {"header": HttpHeaders.parse_header_name(settings.CSRF_HEADER_NAME), "token": get_token(request)},
        "namedBy": "id" if people.named_by_key() else "username",
        "urls": {
            **public_urls(),
            "attachments": reverse("chat:api-attachments"),
            "home": reverse("chat:home"),
            "room": _address("room", "room"),
            "invitation": _address("invitation", "code"),
            "socket": _socket_path(),
        },
        "texts": TEXTS,
    }


def public_urls() -> dict[str, str]:
    """The addresses that somebody who is not signed in needs."""
    return {"signIn": resolve_url(settings.LOGIN_URL), "style": static(STYLE)}


def _address(page: str, part: str) -> str:
    """The address of all pages of a kind, with `{room}` where the name of one belongs, or whatever `part` says."""
    return reverse(f"chat:{page}", args=[f"{{{part}}}"]).replace(f"%7B{part}%7D", f"{{{part}}}")


def _socket_path() -> str:
    return get_script_prefix() + conf.CHAT_SOCKET_PATH.removeprefix("/")
