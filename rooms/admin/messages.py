"""Messages, to find and to delete."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import Truncator, format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rooms import callers, storage
from rooms.admin.edits import VersionsInline
from rooms.admin.list_filters import IsSetFilter
from rooms.admin.mentions import MentionsInline
from rooms.admin.pins import pin, unpin
from rooms.admin.visibility import visible
from rooms.conf import conf
from rooms.errors import ChatError
from rooms.models import Message
from rooms.services.deletions import erase
from rooms.services.search import search_everywhere

FOUND_MESSAGES = 1_000  # of a search
LISTED_MESSAGES = 20_000  # the newest of all, or of one room: what is counted, paged through, filtered and searched
ROOM_PARAMETER = "room__id__exact"


class NewestMessages(ChangeList):
    """Reads no further back than LISTED_MESSAGES, whatever the filters: a scan of a large table takes seconds. What the
    search's index has found may be older.
    """

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Message]:
        rows, order = Message.objects.all(), "pk"
        if room_id := _room_id(request):
            rows, order = rows.filter(room=room_id), "changed_seq"
        if self.query and conf.CHAT_SEARCH_SHARE:
            self.root_queryset = visible(request, rows)
            return super().get_queryset(request, exclude_parameters)
        older = rows.order_by(f"-{order}").values_list(order, flat=True)[LISTED_MESSAGES:][:1]
        if edge := older.first():
            rows = rows.filter(**{f"{order}__gt": edge})
        self.root_queryset = visible(request, rows)
        return super().get_queryset(request, exclude_parameters)


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """Read only: deleting a row would leave a hole in its room's order, so `delete` calls the service."""

    list_display = ("place", "author", "excerpt", "created_at", "deleted_at")
    list_filter = (("deleted_at", IsSetFilter), ("pinned_at", IsSetFilter), "kind")
    list_select_related = ("room", "author")
    search_fields = ("content", "room__name", f"author__{get_user_model().USERNAME_FIELD}")  # without an index
    search_help_text = format_lazy(
        gettext_lazy(
            "Words, “a phrase”, from:name, in:room, has:link, before:2026-01-31: the newest {found} of all messages. "
            "Without them the list has the newest {count}, or those of one room from the list of rooms."
        ),
        found=FOUND_MESSAGES,
        count=LISTED_MESSAGES,
    )
    inlines = (VersionsInline, MentionsInline)
    sortable_by = ()
    actions = ("delete", pin, unpin)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return visible(request, super().get_queryset(request))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NewestMessages

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        """By the index of the chat's search; where that is off, among what is listed."""
        if not search_term or not conf.CHAT_SEARCH_SHARE:
            return super().get_search_results(request, queryset, search_term)
        room_id = _room_id(request)
        try:
            found = search_everywhere(
                query=search_term,
                rooms=[room_id] if room_id else None,
                private=callers.sees_private(request.user),
                limit=FOUND_MESSAGES,
            )
        except ChatError as error:
            self.message_user(request, str(error), messages.WARNING)
            return queryset.none(), False
        return queryset.filter(pk__in=found), False

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """By the index that bounds the list: within a room that is the one of its changes."""
        return ("-changed_seq",) if _room_id(request) else ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return False

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_rooms.delete_message")

    @admin.display(description=gettext_lazy("message"))
    def place(self, message: Message) -> str:
        return str(message)

    @admin.display(description=gettext_lazy("content"))
    def excerpt(self, message: Message) -> str:
        return format_html("<bdi>{}</bdi>", Truncator(message.content).chars(80))

    @admin.action(description=gettext_lazy("Delete selected messages"), permissions=["moderate"])
    def delete(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        deleted = 0
        actor = callers.actor(request.user, "admin")
        for message in queryset.filter(deleted_at=None).order_by("pk"):
            stored = storage.message(message_id=message.pk)
            if stored is not None and erase(actor=actor, message=stored):
                self.log_change(request, message, _("Deleted."))
                deleted += 1
        done = ngettext("%(count)d message was deleted.", "%(count)d messages were deleted.", deleted)
        self.message_user(request, done % {"count": deleted}, messages.SUCCESS if deleted else messages.WARNING)


def _room_id(request: HttpRequest) -> int | None:
    """The room to which the list is limited."""
    text = request.GET.get(ROOM_PARAMETER, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None
