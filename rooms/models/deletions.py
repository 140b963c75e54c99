"""Deletions of many messages at once."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.rooms import Room


class BulkDeletion(models.Model):
    """One change of a room that erased many messages: all of one user's up to its seq, or those of a list.

    The messages keep their own `changed_seq`; who resumes finds this row at its seq. It names its user by key alone,
    because it outlives them.
    """

    room = models.ForeignKey(
        Room, on_delete=models.CASCADE, related_name="+", db_index=False, verbose_name=_("room")
    )  # the constraint begins with it
    changed_seq = models.PositiveBigIntegerField(_("changed seq"))
    user_key = models.CharField(_("user"), max_length=255, blank=True)
    message_ids = models.JSONField(_("messages"), default=list, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("deleted by"),
    )
    at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("bulk deletion")
        verbose_name_plural = _("bulk deletions")
        constraints = [
            models.UniqueConstraint(fields=["room", "changed_seq"], name="one_bulk_deletion_per_room_and_seq")
        ]

    def __str__(self) -> str:
        return f"{self.room} #{self.changed_seq}"
