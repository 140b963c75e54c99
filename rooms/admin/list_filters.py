"""What lists in the admin are filtered by."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.utils.translation import gettext as _


class IsSetFilter(admin.EmptyFieldListFilter):
    """Filters by whether a moment is set, in words people use: `By revoked: Yes`."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for text, choice in zip((_("All"), _("No"), _("Yes")), super().choices(changelist), strict=True):
            yield {**choice, "display": text}
