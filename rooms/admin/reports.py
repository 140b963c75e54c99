"""The moderators' queue of reports: what was reported, and what became of it.

Who sees a report sees what it keeps, also of a private room: one cannot judge it otherwise. It opens no other message.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from rooms import callers
from rooms.admin.attachments import link
from rooms.errors import Conflict
from rooms.models import Attachment, Report
from rooms.services import reports

FACTS = (
    "kind", "state", "created_at", "reason", "reporter", "reported", "reported_name", "room_name", "message_id",
    "sent_at", "content", "files", "handled_by", "settled_at",
)  # fmt: skip


@admin.register(Report)
class ReportAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """Everything but the note is evidence; the state changes by actions, each of which is in the audit log."""

    fields = (*FACTS, "note")
    readonly_fields = FACTS
    list_display = (
        "created_at",
        "state",
        "kind",
        "reported_name",
        "excerpt",
        "reason",
        "room_name",
        "reporter",
        "handled_by",
    )
    list_filter = ("state", "kind")
    list_select_related = ("reporter", "handled_by")
    search_fields = ("reported_name", "room_name", "content", "reason", f"reported__{get_user_model().USERNAME_FIELD}")
    ordering = ("-created_at",)
    actions = ("review", "resolve", "dismiss", "reopen")
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Report | None = None) -> bool:
        """`prune_history` deletes what was settled long ago."""
        return False

    def save_model(self, request: HttpRequest, obj: Report, form: "ModelForm[Report]", change: bool) -> None:
        """Writes the note alone: the state may have changed while the form was open."""
        if form.changed_data:
            reports.set_note(actor=callers.actor(request.user, "admin"), report_id=obj.pk, note=obj.note)

    @admin.display(description=_("content"))
    def excerpt(self, report: Report) -> str:
        return Truncator(report.content).chars(80)

    @admin.display(description=_("files"))
    def files(self, report: Report) -> str:
        """Those that the message still has, for staff who may see files: they may not see every room's."""
        rows = Attachment.objects.filter(message_id=report.message_id).order_by("place") if report.message_id else []
        return format_html_join(", ", "{}", ((link(row),) for row in rows)) or "-"

    @admin.action(description=_("Take selected reports for review"), permissions=["change"])
    def review(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        self._move(request, queryset, Report.State.REVIEWING)

    @admin.action(description=_("Resolve selected reports"), permissions=["change"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        self._move(request, queryset, Report.State.RESOLVED)

    @admin.action(description=_("Dismiss selected reports"), permissions=["change"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        self._move(request, queryset, Report.State.DISMISSED)

    @admin.action(description=_("Open selected reports again"), permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        self._move(request, queryset, Report.State.OPEN)

    def _move(self, request: HttpRequest, queryset: QuerySet[Report], state: Report.State) -> None:
        actor: Any = callers.actor(request.user, "admin")
        moved = 0
        for report in queryset.order_by("pk"):
            try:
                moved += reports.set_state(actor=actor, report_id=report.pk, state=state.value)
            except Conflict:
                text = _("The report of %(name)s stays as it is: the same was reported again.")
                self.message_user(request, text % {"name": report.reported_name}, messages.WARNING)
        done = ngettext("%(count)d report was changed.", "%(count)d reports were changed.", moved)
        self.message_user(request, done % {"count": moved}, messages.SUCCESS if moved else messages.WARNING)
