"""Rooms: created, closed, reopened, removed."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rooms import callers
from rooms.admin.list_filters import IsSetFilter
from rooms.admin.messages import ROOM_PARAMETER
from rooms.admin.visibility import visible
from rooms.errors import ChatError
from rooms.live import roster
from rooms.models import Membership, Room
from rooms.protocol.rules import room_name
from rooms.services.room_settings import FIELDS, change_room, remove, set_closed
from rooms.services.rooms import create_room, is_taken


class RoomForm(ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    def clean_name(self) -> str:
        try:
            name = room_name(self.cleaned_data["name"])
        except ChatError:
            text = _("A room name has 1 to 80 letters or digits of any language, '-', '_' and '.'.")
            raise ValidationError(text) from None
        if is_taken(name=name):
            raise ValidationError(_("This name is taken: another room's looks like it."))
        return name

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        kind = self.instance.kind if self.instance.pk else values.get("kind")
        if values.get("history") == Room.History.JOINED and kind != Room.Kind.PRIVATE:
            self.add_error("history", _("Only a private room can hide what was written before."))
        return values


class RoomList(ChangeList):
    """A page of rooms, with how many people are in each: one query of presence for all its rows."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        try:
            counts = roster.member_counts([room.pk for room in self.result_list])
        except ChatError:  # the list of rooms is worth more than who is in them
            counts = {}
        for room in self.result_list:
            room.people_here = counts.get(room.pk)


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    form = RoomForm
    fields = (
        "name", "title", "topic", "kind", "history", "slow_mode_s", "locked", "transient", "last_seq", "closed_at",
        "created_at", "created_by",
    )  # fmt: skip
    readonly_fields = ("transient", "last_seq", "closed_at", "created_at", "created_by")
    list_display = ("name", "title", "kind", "people", "members", "message_list", "closed_at")
    list_filter = ("kind", ("closed_at", IsSetFilter), "transient")
    search_fields = ("name", "title")
    ordering = ("name",)
    actions = ("close", "reopen", "remove")
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        belonging = Membership.objects.exclude(role=Membership.Role.NONE)
        members = belonging.filter(room=OuterRef("pk")).order_by().values("room").annotate(count=Count("pk"))
        rooms: QuerySet[Room] = super().get_queryset(request).filter(removed_at=None)
        rooms = visible(request, rooms, kind="kind")
        return rooms.annotate(members=Coalesce(Subquery(members.values("count")), 0))

    def has_delete_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        """Django's page would collect every message of the room before it asks: `remove` does it in steps."""
        return False

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_rooms.delete_room")

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A room of an object is made by the project's code, for its object."""
        if db_field.name == "kind":
            kwargs["choices"] = [choice for choice in Room.Kind.choices if choice[0] != Room.Kind.OBJECT]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RoomList

    def get_readonly_fields(self, request: HttpRequest, obj: Room | None = None) -> tuple[str, ...]:
        """Clients know a room by its name, and its members joined under its kind: neither changes later."""
        return (*self.readonly_fields, "name", "kind") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Room, form: "ModelForm[Room]", change: bool) -> None:
        """Writes only the changed fields: the room's seq moves on while the form is open."""
        owner_id = cast(int, request.user.pk)
        if not change:
            obj.pk = create_room(user_id=owner_id, name=obj.name, title=obj.title, kind=obj.kind)[0].pk
        values = {field: form.cleaned_data[field] for field in form.changed_data if field in FIELDS}
        change_room(actor=callers.actor(request.user, "admin"), room_id=obj.pk, **values)

    @admin.display(description=gettext_lazy("people here"))
    def people(self, room: Any) -> Any:
        return room.people_here

    @admin.display(description=gettext_lazy("members"), ordering="members")
    def members(self, room: Any) -> Any:
        return room.members

    @admin.display(description=gettext_lazy("messages"))
    def message_list(self, room: Room) -> str:
        url = reverse("admin:chat_rooms_message_changelist", query={ROOM_PARAMETER: room.pk})
        return format_html('<a href="{}">{}</a>', url, _("Show"))

    @admin.action(description=gettext_lazy("Close selected rooms"), permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        rooms = list(queryset.filter(closed_at=None))
        done = ngettext("%(count)d room was closed.", "%(count)d rooms were closed.", len(rooms))
        self._change_each(request, rooms, True, _("Closed."), done)

    @admin.action(description=gettext_lazy("Reopen selected rooms"), permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        rooms = list(queryset.exclude(closed_at=None))
        done = ngettext("%(count)d room was reopened.", "%(count)d rooms were reopened.", len(rooms))
        self._change_each(request, rooms, False, _("Reopened."), done)

    def _change_each(self, request: HttpRequest, rooms: list[Room], on: bool, logged: str, done: str) -> None:
        for room in rooms:
            set_closed(actor=callers.actor(request.user, "admin"), room_id=room.pk, on=on)
            self.log_change(request, room, logged)
        self.message_user(request, done % {"count": len(rooms)}, messages.SUCCESS if rooms else messages.WARNING)

    @admin.action(description=gettext_lazy("Remove selected rooms with all their messages"), permissions=["remove"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Room]) -> TemplateResponse | None:
        """Asks first. Members leave at once; the serving processes delete the messages some at a time."""
        rooms = list(queryset)
        if "confirmed" not in request.POST:
            return self._confirm_removal(request, rooms)
        self.log_deletions(request, queryset)
        for room in rooms:
            remove(actor=callers.actor(request.user, "admin"), room=room)
        done = ngettext("%(count)d room was removed.", "%(count)d rooms were removed.", len(rooms))
        self.message_user(request, done % {"count": len(rooms)}, messages.SUCCESS)
        return None

    def _confirm_removal(self, request: HttpRequest, rooms: list[Room]) -> TemplateResponse:
        context = self.admin_site.each_context(request) | {
            "title": _("Remove rooms"),
            "opts": self.opts,
            "rooms": rooms,
            "rooms_url": reverse("admin:chat_rooms_room_changelist"),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "rooms/admin/remove.html", context)
