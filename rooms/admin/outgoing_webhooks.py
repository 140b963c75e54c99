"""Outgoing webhooks: made, tested, rotated, switched on again, deleted; and how far each has come."""

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rooms import callers
from rooms.admin.list_filters import IsSetFilter
from rooms.admin.secrets import check, shown_once
from rooms.admin.visibility import OfARoomAdmin, visible
from rooms.models import OutgoingWebhook
from rooms.services import outgoing_webhooks
from rooms.services.outgoing_webhooks import Events

MADE = ("room", "name", "url", "posted", "edited", "deleted")
STATE = (
    "seq", "attempts", "next_attempt_at", "last_error", "delivered_at", "failing_since", "disabled_at", "created_by",
    "created_at",
)  # fmt: skip


class OutgoingWebhookForm(ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    class Meta:
        model = OutgoingWebhook
        fields = MADE

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            check(outgoing_webhooks.check_new, values["room"], values["url"])
        return values


@admin.register(OutgoingWebhook)
class OutgoingWebhookAdmin(OfARoomAdmin):
    """What it is sent and where is not changed: another one is made."""

    form = OutgoingWebhookForm
    list_display = ("name", "room", "delivered_at", "failing_since", "last_error", "disabled_at")
    list_filter = (("failing_since", IsSetFilter), ("disabled_at", IsSetFilter))
    list_select_related = ("room",)
    search_fields = ("name", "room__name")
    autocomplete_fields = ("room",)
    ordering = ("-pk",)
    actions = ("test", "rotate", "enable")
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutgoingWebhook]:
        return visible(request, super().get_queryset(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*MADE, *STATE) if obj else MADE

    def has_change_permission(self, request: HttpRequest, obj: OutgoingWebhook | None = None) -> bool:
        return False

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_rooms.change_outgoingwebhook")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor, events = callers.actor(request.user, "admin"), Events(obj.posted, obj.edited, obj.deleted)
        obj.made = outgoing_webhooks.create_as_staff(
            actor=actor, room=obj.room, title=obj.name, url=obj.url, events=events
        )
        obj.pk = obj.made.webhook.pk

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return shown_once(self, request, _("A new secret"), obj.made.secret)

    def delete_model(self, request: HttpRequest, obj: OutgoingWebhook) -> None:
        outgoing_webhooks.delete_as_staff(actor=callers.actor(request.user, "admin"), webhook=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[OutgoingWebhook]) -> None:
        for found in queryset:
            self.delete_model(request, found)

    @admin.action(description=gettext_lazy("Send the selected webhook a test"), permissions=["manage"])
    def test(self, request: HttpRequest, queryset: QuerySet[OutgoingWebhook]) -> None:
        if (webhook := self._one(request, queryset)) is None:
            return
        outcome = async_to_sync(outgoing_webhooks.send_test)(webhook)
        done = _("The test was delivered.") if not outcome.error else _("The test failed: %s.") % outcome.error
        self.message_user(request, done, messages.WARNING if outcome.error else messages.SUCCESS)

    @admin.action(description=gettext_lazy("Give the selected webhook a new secret"), permissions=["manage"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[OutgoingWebhook]) -> HttpResponse | None:
        if (webhook := self._one(request, queryset)) is None:
            return None
        created = outgoing_webhooks.rotate_as_staff(actor=callers.actor(request.user, "admin"), webhook=webhook)
        self.log_change(request, webhook, _("Replaced."))
        return shown_once(self, request, _("A new secret"), created.secret)

    @admin.action(description=gettext_lazy("Switch selected webhooks on again"), permissions=["manage"])
    def enable(self, request: HttpRequest, queryset: QuerySet[OutgoingWebhook]) -> None:
        found = list(queryset.exclude(disabled_at=None))
        for webhook in found:
            outgoing_webhooks.enable_as_staff(actor=callers.actor(request.user, "admin"), webhook=webhook)
            self.log_change(request, webhook, _("Switched on."))
        done = ngettext("%(count)d webhook was switched on.", "%(count)d webhooks were switched on.", len(found))
        self.message_user(request, done % {"count": len(found)}, messages.SUCCESS if found else messages.WARNING)

    def _one(self, request: HttpRequest, queryset: QuerySet[OutgoingWebhook]) -> OutgoingWebhook | None:
        found = list(queryset[:2])
        if len(found) == 1:
            return found[0]
        self.message_user(request, _("Select one."), messages.WARNING)
        return None
