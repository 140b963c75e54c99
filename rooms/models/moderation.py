"""Bans from the whole chat."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.names import isolated


class ServerBan(models.Model):
    """Keeps one user out of the chat until then; a ban that has ended stays until it is lifted or replaced."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="+",
        verbose_name=_("user"),
    )
    until = models.DateTimeField(_("banned until"))
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("ban from the chat")
        verbose_name_plural = _("bans from the chat")

    def __str__(self) -> str:
        return f"{isolated(str(self.user))} · {self.until:%Y-%m-%d %H:%M}"
