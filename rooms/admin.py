"""Rooms, memberships and messages in the Django admin. What changes a room's order goes through services."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.admin import IsSetFilter
from chatsite.errors import ChatError
from rooms import node, protocol, services
from rooms.models import Membership, Message, Room

COUNTED_MESSAGES = 10_000  # what the list of messages counts and pages through; a search finds what is older


class RoomForm(ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    def clean_name(self) -> str:
        try:
            return protocol.room_name(self.cleaned_data["name"])
        except ChatError:
            text = _("A room name has 1 to 80 letters or digits of any language, '-', '_' and '.'.")
            raise ValidationError(text) from None


class RoomList(ChangeList):
    """A page of rooms, with how many people are in each: asked for once a page, not once a row."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        try:
            counts = node.member_counts([room.pk for room in self.result_list])
        except ChatError:  # the list of rooms is worth more than who is in them
            counts = {}
        for room in self.result_list:
            room.people_here = counts.get(room.pk)


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    form = RoomForm
    fields = ("name", "title", "kind", "transient", "last_seq", "closed_at", "created_at", "created_by")
    readonly_fields = ("transient", "last_seq", "closed_at", "created_at", "created_by")
    list_display = ("name", "title", "kind", "people", "members", "message_list", "closed_at")
    list_filter = ("kind", ("closed_at", IsSetFilter), "transient")
    search_fields = ("name", "title")
    ordering = ("name",)
    actions = ("close", "reopen")
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        members = Membership.objects.filter(room=OuterRef("pk")).order_by().values("room").annotate(count=Count("pk"))
        rooms: QuerySet[Room] = super().get_queryset(request)
        return rooms.annotate(members=Coalesce(Subquery(members.values("count")), 0))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RoomList

    def get_readonly_fields(self, request: HttpRequest, obj: Room | None = None) -> tuple[str, ...]:
        """Clients know a room by its name, and who is inside came in under its kind: neither changes later."""
        return (*self.readonly_fields, "name", "kind") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Room, form: "ModelForm[Room]", change: bool) -> None:
        """Writes what was changed here and no more: the room's seq moves on while the form is open."""
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            owner_id = cast(int, request.user.pk)
            obj.pk = services.create_room(user_id=owner_id, name=obj.name, title=obj.title, kind=obj.kind)[0].pk

    @admin.display(description=gettext_lazy("people here"))
    def people(self, room: Any) -> Any:
        return room.people_here

    @admin.display(description=gettext_lazy("members"), ordering="members")
    def members(self, room: Any) -> Any:
        return room.members

    @admin.display(description=gettext_lazy("messages"))
    def message_list(self, room: Room) -> str:
        url = reverse("admin:rooms_message_changelist", query={"room__id__exact": room.pk})
        return format_html('<a href="{}">{}</a>', url, _("Show"))

    @admin.action(description=gettext_lazy("Close selected rooms"), permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        rooms = list(queryset.filter(closed_at=None))
        for room in rooms:
            services.close_room(room_id=room.pk)
            self.log_change(request, room, _("Closed."))
        done = ngettext("%(count)d room was closed.", "%(count)d rooms were closed.", len(rooms))
        self.message_user(request, done % {"count": len(rooms)}, messages.SUCCESS if rooms else messages.WARNING)

    @admin.action(description=gettext_lazy("Reopen selected rooms"), permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        rooms = list(queryset.exclude(closed_at=None))
        for room in rooms:
            services.reopen_room(room_id=room.pk)
            self.log_change(request, room, _("Reopened."))
        done = ngettext("%(count)d room was reopened.", "%(count)d rooms were reopened.", len(rooms))
        self.message_user(request, done % {"count": len(rooms)}, messages.SUCCESS if rooms else messages.WARNING)


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    list_display = ("room", "user", "role", "muted_until", "banned_until", "joined_at")
    list_filter = ("role", ("muted_until", IsSetFilter), ("banned_until", IsSetFilter))
    list_select_related = ("room", "user")
    search_fields = ("room__name", "user__username")
    autocomplete_fields = ("room", "user")
    readonly_fields = ("read_seq", "joined_at")
    ordering = ("-pk",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "room", "user") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Membership, form: "ModelForm[Membership]", change: bool) -> None:
        """Writes what was changed here and no more: people read on while the form is open."""
        obj.save(update_fields=form.changed_data if change else None)


class NewestPages(Paginator):  # type: ignore[type-arg]  # not generic when it runs
    """Counts no further than it pages, so that a table of millions of messages opens at once."""

    @cached_property
    def count(self) -> int:
        messages = cast(QuerySet[Message], self.object_list)
        return messages.order_by()[:COUNTED_MESSAGES].count()


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """Read only: deleting a row would tear a hole into its room's order, so `delete` asks the service."""

    list_display = ("place", "author", "excerpt", "created_at", "deleted_at")
    list_filter = (("deleted_at", IsSetFilter), "kind")
    list_select_related = ("room", "author")
    search_fields = ("content", "room__name", "author__username")
    search_help_text = gettext_lazy("Searches content, room and author.")
    sortable_by = ()
    ordering = ("-pk",)
    actions = ("delete",)
    paginator = NewestPages
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return False

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rooms.delete_message")

    @admin.display(description=gettext_lazy("message"))
    def place(self, message: Message) -> str:
        return str(message)

    @admin.display(description=gettext_lazy("content"))
    def excerpt(self, message: Message) -> str:
        return Truncator(message.content).chars(80)

    @admin.action(description=gettext_lazy("Delete selected messages"), permissions=["moderate"])
    def delete(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        deleted = 0
        for message in queryset.filter(deleted_at=None).order_by("pk"):
            services.delete_message(message_id=message.pk)
            self.log_change(request, message, _("Deleted."))
            deleted += 1
        done = ngettext("%(count)d message was deleted.", "%(count)d messages were deleted.", deleted)
        self.message_user(request, done % {"count": deleted}, messages.SUCCESS if deleted else messages.WARNING)
