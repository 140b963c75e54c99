"""The audit log: who did what to whom, when, why, and by which door."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.rooms import Room


class AuditEntry(models.Model):
    """One act of moderation. Names are kept as they were: the log outlives the people and rooms in it."""

    class Door(models.TextChoices):
        SOCKET = "socket", _("socket")
        REST = "rest", _("REST")
        PAGE = "page", _("page")
        ADMIN = "admin", _("admin")
        CODE = "code", _("the site's code")
        SYSTEM = "system", _("the chat itself")

    at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    action = models.CharField(_("action"), max_length=40, db_index=True)
    door = models.CharField(_("door"), max_length=10, choices=Door.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("by"),
    )
    actor_name = models.CharField(_("by (name)"), max_length=255, blank=True)
    target = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("whom"),
    )
    target_name = models.CharField(_("whom (name)"), max_length=255, blank=True)
    room = models.ForeignKey(Room, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("room"))
    room_name = models.CharField(_("room (name)"), max_length=80, blank=True)
    is_private = models.BooleanField(
        _("in a private room"), default=False, editable=False, help_text=_("Not everybody on the staff sees it.")
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    details = models.JSONField(_("details"), default=dict, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(door__in=["socket", "rest", "page", "admin", "code", "system"]),
                name="audit_door_is_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} · {self.action} · {self.room_name}"
