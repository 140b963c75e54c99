"""Bots and their tokens: made, switched off, rotated, revoked. A token is shown once."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rooms import callers
from rooms.admin.list_filters import IsSetFilter
from rooms.admin.secrets import check, shown_once
from rooms.admin.visibility import visible
from rooms.errors import Conflict
from rooms.models import Bot, BotToken, Room
from rooms.services import bots

User: Any = get_user_model()


class NewBotForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    name = forms.CharField(label=gettext_lazy("Name"), max_length=150)

    class Meta:
        model = Bot
        fields = ("owner", "may_mention")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        check(bots.check_name, name)
        return name


@admin.register(Bot)
class BotAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    list_display = ("user", "owner", "active", "may_mention", "created_at")
    list_filter = ("active",)
    list_select_related = ("user", "owner")
    search_fields = (f"user__{User.USERNAME_FIELD}",)
    raw_id_fields = ("owner",)
    ordering = ("-created_at",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_form(self, request: HttpRequest, obj: Bot | None = None, change: bool = False, **options: Any) -> Any:
        return super().get_form(request, obj, change, **(options if obj else {**options, "form": NewBotForm}))

    def get_fields(self, request: HttpRequest, obj: Bot | None = None) -> tuple[str, ...]:
        return ("user", "owner", "active", "may_mention", "created_at") if obj else ("name", "owner", "may_mention")

    def get_readonly_fields(self, request: HttpRequest, obj: Bot | None = None) -> tuple[str, ...]:
        return ("user", "owner", "created_at") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Bot | None = None) -> bool:
        """It goes with its user; until then it can be switched off."""
        return False

    def save_model(self, request: HttpRequest, obj: Bot, form: Any, change: bool) -> None:
        actor = callers.actor(request.user, "admin")
        on, may_mention = obj.active, obj.may_mention
        if not change:
            obj.user = bots.create(actor=actor, name=form.cleaned_data["name"], owner_id=obj.owner_id).user
        bots.set_active(actor=actor, bot=obj, on=on)
        bots.set_may_mention(actor=actor, bot=obj, on=may_mention)


@admin.register(BotToken)
class BotTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    list_display = ("__str__", "bot", "all_rooms", "used_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", IsSetFilter),)
    list_select_related = ("bot__user",)
    search_fields = ("beginning", f"bot__user__{User.USERNAME_FIELD}")
    autocomplete_fields = ("bot",)
    filter_horizontal = ("rooms",)
    ordering = ("-pk",)
    actions = ("rotate", "revoke")
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[BotToken]:
        """For who may not see private rooms, only what opens none: a token that is replaced is shown."""
        found = super().get_queryset(request)
        if callers.sees_private(request.user):
            return found
        return found.filter(all_rooms=False).exclude(rooms__in=Room.objects.exclude(kind=Room.Kind.PUBLIC))

    def get_fields(self, request: HttpRequest, obj: BotToken | None = None) -> tuple[str, ...]:
        all_rooms = ("all_rooms",) if callers.sees_private(request.user) else ()
        return ("bot", *all_rooms, "rooms", "expires_at")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Who may not see a room opens it to no bot."""
        rooms = Room.objects.filter(removed_at=None).order_by("name")
        return super().formfield_for_manytomany(
            db_field, request, **{**kwargs, "queryset": visible(request, rooms, kind="kind")}
        )

    def has_change_permission(self, request: HttpRequest, obj: BotToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: BotToken | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_rooms.change_bottoken")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The token stays on this request's object alone, for the answer to it."""
        wanted, actor = form.cleaned_data, callers.actor(request.user, "admin")
        rooms = None if wanted.get("all_rooms") else list(wanted["rooms"])
        issued = bots.issue(actor=actor, bot=wanted["bot"], rooms=rooms, expires_at=wanted["expires_at"])
        obj.pk, obj.beginning, obj.text = issued.token.pk, issued.token.beginning, issued.text

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service has stored the rooms."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return shown_once(self, request, _("A new token"), obj.text)

    @admin.action(description=gettext_lazy("Replace the selected token by a new one"), permissions=["revoke"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[BotToken]) -> HttpResponse | None:
        tokens = list(queryset[:2])
        if len(tokens) != 1:
            self.message_user(request, _("Select one."), messages.WARNING)
            return None
        try:
            issued = bots.rotate(actor=callers.actor(request.user, "admin"), token=tokens[0])
        except Conflict:
            self.message_user(request, _("This token is not valid any more."), messages.WARNING)
            return None
        self.log_change(request, tokens[0], _("Replaced."))
        return shown_once(self, request, _("A new token"), issued.text)

    @admin.action(description=gettext_lazy("Revoke selected tokens"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[BotToken]) -> None:
        tokens = list(queryset.filter(revoked_at=None))
        for token in tokens:
            bots.revoke(actor=callers.actor(request.user, "admin"), token=token)
            self.log_change(request, token, _("Revoked."))
        done = ngettext("%(count)d token was revoked.", "%(count)d tokens were revoked.", len(tokens))
        level = messages.SUCCESS if tokens else messages.WARNING
        self.message_user(request, done % {"count": len(tokens)}, level)
