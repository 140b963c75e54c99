"""What belongs to a message, on its page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class MessageInline(admin.TabularInline):  # type: ignore[type-arg]  # not generic when it runs
    """Read only, for whoever sees the message."""

    ordering = ("pk",)
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("chat_rooms.view_message")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
