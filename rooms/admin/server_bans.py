"""Bans from the whole chat. Every change goes through the service, which says who may."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext as _

from rooms import callers
from rooms.errors import ChatError
from rooms.models import ServerBan
from rooms.services import server_bans

User: Any = get_user_model()


class ServerBanForm(ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    actor: callers.Actor

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        user = self.instance.user if self.instance.pk else values.get("user")
        try:
            if user is not None:
                server_bans.check(self.actor, user.pk)
        except ChatError:
            raise ValidationError(_("You cannot ban this person: their rank is not below yours.")) from None
        return values


@admin.register(ServerBan)
class ServerBanAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    form = ServerBanForm
    list_display = ("user", "until", "reason", "created_at")
    list_select_related = ("user",)
    search_fields = (f"user__{User.USERNAME_FIELD}", "reason")
    fields = ("user", "until", "reason", "created_at")
    readonly_fields = ("created_at",)
    raw_id_fields = ("user",)
    ordering = ("-created_at",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: ServerBan | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "user") if obj else self.readonly_fields

    def get_form(self, request: HttpRequest, obj: ServerBan | None = None, change: bool = False, **options: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **options)
        form.actor = callers.actor(request.user, "admin")
        return form

    def save_model(self, request: HttpRequest, obj: ServerBan, form: "ModelForm[ServerBan]", change: bool) -> None:
        actor = callers.actor(request.user, "admin")
        server_bans.ban_from_server(actor=actor, user_id=obj.user_id, until=obj.until, reason=obj.reason)

    def delete_model(self, request: HttpRequest, obj: ServerBan) -> None:
        server_bans.unban_from_server(actor=callers.actor(request.user, "admin"), user_id=obj.user_id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ServerBan]) -> None:
        for found in queryset:
            self.delete_model(request, found)
