"""What was reported to the moderators: a message or a person, as they were at that time."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.rooms import Room

UNSETTLED = ["open", "reviewing"]


class Report(models.Model):
    """Evidence that later edits, deletions and renames do not change. Who made it is for moderators only."""

    class Kind(models.TextChoices):
        MESSAGE = "message", _("message")
        USER = "user", _("person")
        FILTER = "filter", _("message, by the word filter")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        REVIEWING = "reviewing", _("in review")
        RESOLVED = "resolved", _("resolved")
        DISMISSED = "dismissed", _("dismissed")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(_("reported"), default=timezone.now)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("reported by"),
    )
    reported = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("whom")
    )
    reported_name = models.CharField(_("whom (name)"), max_length=255, blank=True)
    room = models.ForeignKey(Room, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("room"))
    room_name = models.CharField(_("room (name)"), max_length=80, blank=True)
    # A number and no tie: pruning a room's history looks for no reports, and a report outlives its message.
    message_id = models.PositiveBigIntegerField(_("message"), null=True)
    content = models.TextField(_("content"), blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("handled by"),
    )
    settled_at = models.DateTimeField(_("settled"), null=True, db_index=True)
    note = models.TextField(_("note"), blank=True, max_length=2_000)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        indexes = [models.Index(fields=["state", "created_at"], name="report_queue")]
        constraints = [
            models.UniqueConstraint(
                fields=["reporter", "message_id"],
                condition=Q(kind="message", state__in=UNSETTLED),
                name="one_open_report_per_reporter_and_message",
            ),
            models.UniqueConstraint(
                fields=["reporter", "reported"],
                condition=Q(kind="user", state__in=UNSETTLED),
                name="one_open_report_per_reporter_and_person",
            ),
            models.UniqueConstraint(
                fields=["message_id"],
                condition=Q(kind="filter", state__in=UNSETTLED),
                name="one_open_report_of_the_filter_per_message",
            ),
            models.CheckConstraint(condition=Q(kind__in=["message", "user", "filter"]), name="report_kind_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "reviewing"], settled_at=None)
                | Q(state__in=["resolved", "dismissed"], settled_at__isnull=False),
                name="report_is_settled_when_its_state_says_so",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} · {self.reported_name}"
