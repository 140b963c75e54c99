"""Outgoing webhooks: addresses of other systems that are sent what happens in one room, and how far they are."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.rooms import Room
from rooms.names import isolated


class OutgoingWebhook(models.Model):
    """The events of the room up to `seq` are delivered, or were given up. Its secret is readable: it signs."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="outgoing_webhooks", verbose_name=_("room"))
    name = models.CharField(_("name"), max_length=80)
    url = models.CharField(_("address"), max_length=500)
    posted = models.BooleanField(_("new messages"), default=True)
    edited = models.BooleanField(_("edits"), default=True)
    deleted = models.BooleanField(_("deletions"), default=True)
    secret = models.CharField(max_length=100, editable=False)
    previous_secret = models.CharField(max_length=100, blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)

    seq = models.PositiveBigIntegerField(_("delivered up to seq"), default=0, editable=False)
    tried_seq = models.PositiveBigIntegerField(null=True, editable=False)  # of the event that `attempts` are of
    attempts = models.PositiveIntegerField(_("failed attempts"), default=0, editable=False)
    next_attempt_at = models.DateTimeField(_("next attempt"), default=timezone.now, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)  # a process is delivering
    delivered_at = models.DateTimeField(_("last delivered"), null=True, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    last_error = models.CharField(_("last error"), max_length=200, blank=True, editable=False)
    disabled_at = models.DateTimeField(_("disabled"), null=True, editable=False)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("outgoing webhook")
        verbose_name_plural = _("outgoing webhooks")

    def __str__(self) -> str:
        return f"{isolated(self.name)} · {self.room}"
