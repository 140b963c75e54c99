"""Pinning messages from their list in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rooms import callers, storage
from rooms.errors import ChatError
from rooms.models import Message
from rooms.services.pins import set_pinned


@admin.action(description=gettext_lazy("Pin selected messages"), permissions=["moderate"])
def pin(model_admin: Any, request: HttpRequest, queryset: QuerySet[Message]) -> None:
    _set(model_admin, request, queryset.filter(pinned_at=None), on=True)


@admin.action(description=gettext_lazy("Unpin selected messages"), permissions=["moderate"])
def unpin(model_admin: Any, request: HttpRequest, queryset: QuerySet[Message]) -> None:
    _set(model_admin, request, queryset.exclude(pinned_at=None), on=False)


def _set(model_admin: Any, request: HttpRequest, queryset: QuerySet[Message], *, on: bool) -> None:
    """Those of which it is refused, such as one too many, are left as they are, and said."""
    actor, changed = callers.actor(request.user, "admin"), 0
    for message in queryset.filter(deleted_at=None).order_by("pk"):
        stored = storage.message(message_id=message.pk)
        try:
            if stored is not None:
                set_pinned(actor=actor, message=stored, on=on)
                model_admin.log_change(request, message, _("Pinned.") if on else _("Unpinned."))
                changed += 1
        except ChatError as error:
            model_admin.message_user(request, f"{message}: {error.message}", messages.WARNING)
    done = ngettext("%(count)d message was changed.", "%(count)d messages were changed.", changed)
    level = messages.SUCCESS if changed else messages.WARNING
    model_admin.message_user(request, done % {"count": changed}, level)
