"""Who belongs to a room, and what they may do there. Every change goes through the moderation service."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext as _

from rooms import callers
from rooms.admin.list_filters import IsSetFilter
from rooms.admin.visibility import OfARoomAdmin, visible
from rooms.errors import Conflict, Forbidden
from rooms.models import Membership, Room
from rooms.services import moderation

User: Any = get_user_model()


class MembershipForm(ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    def clean_role(self) -> str:
        role: str = self.cleaned_data["role"]
        if self.instance.pk and self.instance.room.kind == Room.Kind.DIRECT and role != self.instance.role:
            raise ValidationError(_("A direct room keeps its people."))
        if self.instance.pk and role != Membership.Role.OWNER and moderation.is_last_owner(self.instance):
            raise ValidationError(_("A room keeps its last owner."))
        return role


@admin.register(Membership)
class MembershipAdmin(OfARoomAdmin):
    form = MembershipForm
    fields = ("room", "user", "role", "muted_until", "banned_until", "ban_reason", "read_seq", "joined_at")
    list_display = ("room", "user", "role", "muted_until", "banned_until", "joined_at")
    list_filter = ("role", ("muted_until", IsSetFilter), ("banned_until", IsSetFilter))
    list_select_related = ("room", "user")
    search_fields = ("room__name", f"user__{User.USERNAME_FIELD}")
    autocomplete_fields = ("room",)
    raw_id_fields = ("user",)  # where the project's users have no page in the admin
    readonly_fields = ("read_seq", "joined_at")
    ordering = ("-pk",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return visible(request, super().get_queryset(request))

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        users = self.admin_site._registry.get(User)  # noqa: SLF001 - Django's own checks look there too
        return (*self.autocomplete_fields, *(("user",) if users and users.search_fields else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "room", "user") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Membership, form: "ModelForm[Membership]", change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.changed_data if name not in ("room", "user")}
        actor = callers.actor(request.user, "admin")
        obj.pk = moderation.set_membership(room_id=obj.room_id, user_id=obj.user_id, actor=actor, **values).pk

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """On its own pages not the last owner's, which a room keeps, nor that of a direct room; users go whole."""
        is_allowed = super().has_delete_permission(request, obj)
        page = request.resolver_match.url_name if request.resolver_match else None
        if obj is None or page not in ("chat_rooms_membership_change", "chat_rooms_membership_delete"):
            return is_allowed
        return is_allowed and obj.room.kind != Room.Kind.DIRECT and not moderation.is_last_owner(obj)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        actor = callers.actor(request.user, "admin")
        moderation.delete_membership(room_id=obj.room_id, user_id=obj.user_id, actor=actor)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for membership in queryset:
            try:
                self.delete_model(request, membership)
            except (Conflict, Forbidden) as error:
                self.message_user(request, f"{membership}: {error.message}", messages.WARNING)
