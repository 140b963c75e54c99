"""Incoming webhooks: addresses to which other systems post messages into one room."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.bots import Bot
from rooms.models.rooms import Room
from rooms.names import isolated


class IncomingWebhook(models.Model):
    """One webhook. Of its secret only the hash is kept; after a rotation also that of the one before, for a while."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="incoming_webhooks", verbose_name=_("room"))
    bot = models.ForeignKey(
        Bot,
        on_delete=models.CASCADE,
        related_name="incoming_webhooks",
        verbose_name=_("bot"),
        help_text=_("The author of its messages."),
    )
    name = models.CharField(_("name"), max_length=80)
    secret_hash = models.CharField(max_length=64, editable=False)
    previous_hash = models.CharField(max_length=64, blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)
    may_mention = models.BooleanField(
        _("may mention"), default=False, help_text=_("Otherwise a name in its messages is only a text.")
    )
    active = models.BooleanField(_("active"), default=True, help_text=_("An inactive one takes no message."))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    used_at = models.DateTimeField(_("last used"), null=True, help_text=_("To within an hour."))

    class Meta:
        verbose_name = _("incoming webhook")
        verbose_name_plural = _("incoming webhooks")

    def __str__(self) -> str:
        return f"{isolated(self.name)} · {self.room}"
