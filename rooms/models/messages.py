"""Messages. Reads and writes of many rows are in rooms.storage."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.rooms import Room


class Message(models.Model):
    class Kind(models.TextChoices):
        """The type its event carries: the command was sent under this name."""

        CHAT = "chat-message", _("chat-message")
        ROOM = "room-message", _("room-message")
        ACTION = "action", _("action")
        SYSTEM = "system", _("system message")

    class Stream(models.TextChoices):
        """What a message is whose text has come, or comes, in pieces; null: it is whole."""

        OPEN = "open", _("being written")
        INTERRUPTED = "interrupted", _("interrupted")

    id = models.BigAutoField(primary_key=True)
    # No index of their own for `room` and `author`: those below begin with them, and each costs every insert.
    room = models.ForeignKey(
        Room, on_delete=models.CASCADE, related_name="messages", db_index=False, verbose_name=_("room")
    )
    seq = models.PositiveBigIntegerField(_("seq"))
    changed_seq = models.PositiveBigIntegerField(_("changed seq"), help_text=_("The room's seq at the last change."))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.CHAT)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="messages",
        db_index=False,
        verbose_name=_("author"),
    )
    content = models.TextField(_("content"))
    client_id = models.CharField(_("client id"), max_length=64, null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    edited_at = models.DateTimeField(_("edited"), null=True, blank=True)
    edited_seq = models.PositiveBigIntegerField(null=True, editable=False)  # the room's seq of the last edit
    reaction_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)  # 0: there are none to read
    # Numbers and no ties: when a message is pruned, nothing is looked for that answers it.
    reply_to = models.PositiveBigIntegerField(_("answers message"), null=True, editable=False)
    root = models.PositiveBigIntegerField(null=True, editable=False)  # the first message of the thread
    last_reply_seq = models.PositiveBigIntegerField(null=True, editable=False)  # without one there is no thread
    pinned_at = models.DateTimeField(_("pinned"), null=True, blank=True)
    event = models.TextField(null=True, editable=False)  # JSON: what a message of the system says
    mention_count = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)  # 0: none to read
    mentions_room = models.BooleanField(default=False, db_default=False, editable=False)
    file_count = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)  # 0: none to read
    bot = models.BooleanField(_("by a bot"), default=False, db_default=False, editable=False)
    # The room's seq when its text was whole, of one that came in pieces.
    whole_seq = models.PositiveBigIntegerField(null=True, editable=False)
    stream = models.CharField(_("stream"), max_length=12, choices=Stream.choices, null=True, editable=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        editable=False,
        verbose_name=_("deleted by"),
    )

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            # Deleted messages are in an index of their own: a page is read without passing thousands of them.
            models.UniqueConstraint(
                fields=["room", "seq"], condition=Q(deleted_at=None), name="one_message_per_room_and_seq"
            ),
            models.UniqueConstraint(fields=["author", "client_id"], name="one_message_per_author_and_client_id"),
            models.CheckConstraint(
                condition=Q(changed_seq__gte=models.F("seq")), name="message_changes_after_it_is_made"
            ),
        ]
        indexes = [
            models.Index(fields=["room", "changed_seq"], name="room_changes"),
            models.Index(fields=["room", "seq"], condition=Q(deleted_at__isnull=False), name="deleted_messages"),
            models.Index(fields=["room", "seq"], condition=Q(mentions_room=True), name="mentions_of_rooms"),
            models.Index(fields=["room", "seq"], name="pins", condition=Q(pinned_at__isnull=False)),
            models.Index(fields=["room", "edited_seq"], condition=Q(edited_seq__isnull=False), name="edited_messages"),
            models.Index(fields=["room", "whole_seq"], condition=Q(whole_seq__isnull=False), name="whole_messages"),
            models.Index(fields=["root", "seq"], name="thread", condition=Q(root__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.room} #{self.seq}"
