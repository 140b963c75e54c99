"""Texts that grow: what has arrived of a message that its bot is still writing."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from rooms.models.messages import Message
from rooms.models.rooms import Room


class Stream(models.Model):
    """A message that is being written; its row goes when the message has its final text.

    There are few at a time. So none of these has an index, and nothing is joined to find those of a room or a bot.
    """

    message = models.OneToOneField(Message, on_delete=models.CASCADE, primary_key=True, related_name="open_stream")
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="+", db_index=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    asker = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )  # who wrote the message that this one answers: they may stop it
    length = models.PositiveIntegerField(default=0)  # in characters, of all parts together
    touched_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.message} ({self.length})"


class StreamPart(models.Model):
    """A piece of a text, and where it begins. What has arrived is never written again."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="+", db_index=False
    )  # the constraint begins with it
    offset = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "offset"], name="one_part_per_message_and_offset")]

    def __str__(self) -> str:
        return f"{self.message} +{self.offset}"
