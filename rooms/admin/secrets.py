"""The only page that shows a token or a secret, once; and forms that say what a service would refuse."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from rooms.errors import ChatError


def shown_once(page: "ModelAdmin[Any]", request: HttpRequest, title: str, secret: str, path: str = "") -> HttpResponse:
    context = page.admin_site.each_context(request) | {
        "title": title,
        "opts": page.opts,
        "secret": secret,
        "path": request.build_absolute_uri(path) if path else "",
        "list_url": reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"),
    }
    response = TemplateResponse(request, "rooms/admin/secret.html", context)
    add_never_cache_headers(response)
    return response


def check(service: Callable[..., object], *args: Any) -> None:
    """What a service refuses, as an error of a form."""
    try:
        service(*args)
    except ChatError as error:
        raise ValidationError(error.message) from None
