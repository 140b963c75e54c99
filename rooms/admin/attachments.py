"""Files of messages, to look at and to delete: the file alone, while its message stays."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from rooms import callers, downloads
from rooms.admin.visibility import visible
from rooms.errors import ChatError
from rooms.models import Attachment
from rooms.services.deletions import erase_file


@admin.register(Attachment)
class AttachmentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """Read only: rows and stored files go together, so `delete` calls the service."""

    list_display = ("name", "bytes", "content_type", "owner", "message", "created_at", "open_link")
    list_filter = ("content_type",)
    list_select_related = ("owner", "message__room")
    search_fields = ("name", "message__room__name", f"owner__{get_user_model().USERNAME_FIELD}")
    ordering = ("-created_at",)
    fields = readonly_fields = (
        "name", "bytes", "content_type", "owner", "message", "created_at", "attached_at", "open_link",
    )  # fmt: skip
    actions = ("delete",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attachment]:
        """Those that have a message, in a room that is there: what nobody has sent is nobody's business."""
        sent = super().get_queryset(request).filter(message__isnull=False, message__room__removed_at=None)
        return visible(request, sent, kind="message__room__kind")

    def get_urls(self) -> list[URLPattern]:
        name = "chat_rooms_attachment_open"
        return [path("<str:key>/open/", self.admin_site.admin_view(self.open_file), name=name), *super().get_urls()]

    def open_file(self, request: HttpRequest, key: str) -> HttpResponseBase:
        """The file, for staff who may see it, as members get it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_queryset(request).filter(pk=key).first()
        if row is None:
            raise Http404
        try:
            return downloads.answer(request, row)
        except ChatError as error:
            raise Http404(error.message) from error

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Attachment | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Attachment | None = None) -> bool:
        return False

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_rooms.delete_attachment")

    @admin.display(description=_("bytes"), ordering="size")
    def bytes(self, row: Attachment) -> str:
        return filesizeformat(row.size)

    @admin.display(description=_("file"))
    def open_link(self, row: Attachment) -> str:
        return link(row)

    @admin.action(description=_("Delete selected files"), permissions=["moderate"])
    def delete(self, request: HttpRequest, queryset: QuerySet[Attachment]) -> None:
        actor: Any = callers.actor(request.user, "admin")
        rows = queryset.order_by("pk").values_list("message_id", "pk")
        deleted = sum(erase_file(actor=actor, message_id=message, attachment_id=key) for message, key in rows)
        done = ngettext("%(count)d file was deleted.", "%(count)d files were deleted.", deleted)
        self.message_user(request, done % {"count": deleted}, messages.SUCCESS if deleted else messages.WARNING)


def link(row: Attachment) -> str:
    """A link that opens a file in the admin."""
    address = reverse("admin:chat_rooms_attachment_open", args=[row.pk])
    return format_html('<a href="{}" target="_blank"><bdi>{}</bdi></a>', address, row.name)
