"""What messages said before they were edited."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from rooms.models.messages import Message


class MessageVersion(models.Model):
    """A text that an edit has replaced. It goes with the message, with its text, and after CHAT_EDIT_HISTORY_DAYS."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="versions", editable=False, verbose_name=_("message")
    )
    content = models.TextField(_("content"))
    written_at = models.DateTimeField(_("written"))
    replaced_at = models.DateTimeField(_("replaced"), db_index=True)

    class Meta:
        verbose_name = _("earlier version")
        verbose_name_plural = _("earlier versions")

    def __str__(self) -> str:
        return f"{self.message} · {self.replaced_at:%Y-%m-%d %H:%M}"
