"""Incoming webhooks: made, switched off, rotated, deleted. A secret is shown once."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rooms import callers
from rooms.admin.secrets import check, shown_once
from rooms.admin.visibility import OfARoomAdmin, visible
from rooms.models import IncomingWebhook
from rooms.services import incoming_webhooks
from rooms.services.incoming_webhooks import Created


class NewIncomingWebhookForm(ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """Without a bot, one of this name is made."""

    class Meta:
        model = IncomingWebhook
        fields = ("room", "name", "bot", "may_mention")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["bot"].required = False

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            check(incoming_webhooks.check_new, values["room"], values["name"], values["bot"])
        return values

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "bot"}  # type: ignore[misc]


@admin.register(IncomingWebhook)
class IncomingWebhookAdmin(OfARoomAdmin):
    list_display = ("name", "room", "bot", "active", "may_mention", "used_at", "created_by")
    list_filter = ("active",)
    list_select_related = ("room", "bot__user", "created_by")
    search_fields = ("name", "room__name")
    autocomplete_fields = ("room", "bot")
    ordering = ("-pk",)
    actions = ("rotate",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[IncomingWebhook]:
        return visible(request, super().get_queryset(request))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        return super().get_form(
            request, obj, change, **(options if obj else {**options, "form": NewIncomingWebhookForm})
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        wanted = ("room", "name", "bot", "may_mention")
        return (*wanted, "active", "used_at", "created_by", "created_at") if obj else wanted

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("room", "name", "bot", "used_at", "created_by", "created_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor, may_mention = callers.actor(request.user, "admin"), obj.may_mention
        if change:
            incoming_webhooks.set_active(actor=actor, webhook=obj, on=obj.active)
            incoming_webhooks.set_may_mention(actor=actor, webhook=obj, on=may_mention)
            return
        obj.made = incoming_webhooks.create_as_staff(
            actor=actor, room=obj.room, title=obj.name, bot=form.cleaned_data["bot"], may_mention=may_mention
        )
        obj.pk, obj.bot_id = obj.made.webhook.pk, obj.made.webhook.bot_id

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self._shown(request, obj.made)

    def delete_model(self, request: HttpRequest, obj: IncomingWebhook) -> None:
        incoming_webhooks.delete_as_staff(actor=callers.actor(request.user, "admin"), webhook=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[IncomingWebhook]) -> None:
        for found in queryset:
            self.delete_model(request, found)

    @admin.action(description=gettext_lazy("Give the selected webhook a new secret"), permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[IncomingWebhook]) -> HttpResponse | None:
        found = list(queryset[:2])
        if len(found) != 1:
            self.message_user(request, _("Select one."), messages.WARNING)
            return None
        created = incoming_webhooks.rotate_as_staff(actor=callers.actor(request.user, "admin"), webhook=found[0])
        self.log_change(request, found[0], _("Replaced."))
        return self._shown(request, created)

    def _shown(self, request: HttpRequest, created: Created) -> HttpResponse:
        path = incoming_webhooks.path(created.webhook.pk, created.secret)
        return shown_once(self, request, _("A new secret"), created.secret, path)
