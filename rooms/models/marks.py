"""Who hides how far they have read. The marks themselves are fields of memberships."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class HiddenReader(models.Model):
    """A person of whom nobody else learns what they have read."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="+",
        verbose_name=_("user"),
    )

    class Meta:
        verbose_name = _("hidden reader")
        verbose_name_plural = _("hidden readers")

    def __str__(self) -> str:
        return str(self.user)
