"""Whom messages concern: those they mention by name, and those whose messages they answer."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from rooms.models.messages import Message
from rooms.models.rooms import Room


class Mention(models.Model):
    """A message concerns this user. `@room` is no row for each member: it is a flag of the message."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="mentioned", db_index=False, verbose_name=_("message")
    )  # the constraint begins with it
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False, verbose_name=_("user")
    )  # the index begins with it
    # Those of the message, so that what somebody has not read of a room is found and counted by one index. A room's
    # messages are deleted before the room, so nothing is looked for by it.
    room = models.ForeignKey(
        Room,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("room"),
    )
    seq = models.PositiveBigIntegerField(_("seq"))
    by_name = models.BooleanField(_("by name"), default=True)  # False: it only answers a message of theirs

    class Meta:
        verbose_name = _("mention")
        verbose_name_plural = _("mentions")
        constraints = [
            # In this order: what a message mentions is read with it, and erased with it.
            models.UniqueConstraint(fields=["message", "user"], name="one_mention_per_message_and_user")
        ]
        indexes = [models.Index(fields=["user", "room", "seq"], name="mentions_of_user")]

    def __str__(self) -> str:
        return f"{self.message} @{self.user}"
