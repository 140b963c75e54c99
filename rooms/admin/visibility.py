"""Which rows of the admin's lists staff may see: what belongs to rooms that are not public needs a permission.

Reports are another matter: they keep what one needs to judge them.
"""

from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from rooms.callers import sees_private
from rooms.models import Room

M = TypeVar("M", bound=Model)


def visible(request: HttpRequest, rows: QuerySet[M], *, kind: str = "room__kind") -> QuerySet[M]:
    """Those of these rows that this member of staff may see; `kind` leads to the kind of a row's room."""
    return rows if sees_private(request.user) else rows.filter(**{kind: Room.Kind.PUBLIC})


class OfARoomAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """Records of a room that staff choose: one that they may see, and no direct room, which keeps its people."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "room":
            rooms = Room.objects.filter(removed_at=None).exclude(kind=Room.Kind.DIRECT)
            kwargs["queryset"] = visible(request, rooms, kind="kind")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
