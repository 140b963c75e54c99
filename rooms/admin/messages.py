"""Messages, to find and to delete."""

from typing import cast

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.admin import IsSetFilter
from rooms.models import Message
from rooms.services.changes import delete_message

COUNTED_MESSAGES = 10_000  # what the list of messages counts and pages through; a search finds what is older


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
            delete_message(message_id=message.pk)
            self.log_change(request, message, _("Deleted."))
            deleted += 1
        done = ngettext("%(count)d message was deleted.", "%(count)d messages were deleted.", deleted)
        self.message_user(request, done % {"count": deleted}, messages.SUCCESS if deleted else messages.WARNING)
