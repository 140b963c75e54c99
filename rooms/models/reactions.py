"""Reactions to messages."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.messages import Message


class Reaction(models.Model):
    """One emoji of one person at a message. It outlives their account, as nobody's."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="reactions", db_index=False, verbose_name=_("message")
    )  # the constraint begins with it
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("user")
    )
    emoji = models.CharField(_("emoji"), max_length=16)
    kind_seq = models.PositiveBigIntegerField(editable=False)  # of the first one with this emoji: orders the emojis
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("reaction")
        verbose_name_plural = _("reactions")
        constraints = [
            models.UniqueConstraint(fields=["message", "user", "emoji"], name="one_reaction_per_message_user_and_emoji")
        ]

    def __str__(self) -> str:
        return f"{self.message} {self.emoji}"
