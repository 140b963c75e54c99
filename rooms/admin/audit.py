"""The audit log: to be read and searched, never written here."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from rooms.callers import sees_private
from rooms.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    list_display = ("at", "action", "who", "whom", "room_name", "reason", "door")
    list_filter = ("action", "door", "at")
    search_fields = ("actor_name", "target_name", "room_name", "action", "reason")
    fields = (
        "at",
        "action",
        "actor",
        "actor_name",
        "target",
        "target_name",
        "room",
        "room_name",
        "reason",
        "door",
        "details",
    )
    ordering = ("-at", "-pk")
    date_hierarchy = "at"
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        entries: QuerySet[AuditEntry] = super().get_queryset(request)
        return entries if sees_private(request.user) else entries.filter(is_private=False)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("by"), ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name

    @admin.display(description=_("whom"), ordering="target_name")
    def whom(self, entry: AuditEntry) -> str:
        return entry.target_name
