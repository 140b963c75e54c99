"""Files that people send with messages."""

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.messages import Message


def new_id() -> str:
    """128 random bits: nobody finds a file by trying."""
    return secrets.token_hex(16)


class Attachment(models.Model):
    """A file. Without `attached_at` it waits for a message of its owner; with that and without a message it is to be
    deleted, as is one that waits too long: rows and stored files go together, by the sweep.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("uploaded by"),
    )  # an index below begins with it
    message = models.ForeignKey(
        Message, on_delete=models.SET_NULL, null=True, related_name="attachments", verbose_name=_("message")
    )
    place = models.PositiveSmallIntegerField(default=0, editable=False)  # among those of the message
    name = models.CharField(_("name"), max_length=200)
    content_type = models.CharField(_("type"), max_length=40)
    size = models.PositiveBigIntegerField(_("bytes"))
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)
    path = models.CharField(max_length=200, editable=False)  # in the storage
    thumbnail_path = models.CharField(max_length=200, blank=True, editable=False)
    is_stored = models.BooleanField(default=False, editable=False)  # all of it: else the upload goes on, or has failed
    created_at = models.DateTimeField(_("uploaded"), default=timezone.now)
    attached_at = models.DateTimeField(_("attached"), null=True)

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        indexes = [
            models.Index(fields=["owner", "created_at"], name="files_of_a_day"),
            models.Index(fields=["created_at"], name="files_without_a_message", condition=Q(message=None)),
        ]

    def __str__(self) -> str:
        return self.name
