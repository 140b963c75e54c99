"""Which rows of the admin's lists staff may see: what belongs to rooms that are not public needs a permission.

Reports are another matter: they keep what one needs to judge them.
"""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from rooms.callers import sees_private
from rooms.models import Room

M = TypeVar("M", bound=Model)


def visible(request: HttpRequest, rows: QuerySet[M], *, kind: str = "room__kind") -> QuerySet[M]:
    """Those of these rows that this member of staff may see; `kind` leads to the kind of a row's room."""
    return rows if sees_private(request.user) else rows.filter(**{kind: Room.Kind.PUBLIC})
