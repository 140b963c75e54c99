"""Rooms. Every stored change of a room takes the room's next `seq`, taken while the room's row is locked.

So the numbers have no holes and commit in order.
"""

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from rooms.models.keys import NameKey, NameShape


def new_epoch() -> str:
    """A text that no other room has, and this one had not before."""
    return secrets.token_hex(4)


class Room(models.Model):
    class Kind(models.TextChoices):
        PUBLIC = "public", _("public")
        PRIVATE = "private", _("private")
        DIRECT = "direct", _("direct")
        OBJECT = "object", _("of an object")  # who may see the object may enter

    class History(models.TextChoices):
        """What a new member sees of what was written before."""

        ALL = "all", _("everything")
        JOINED = "joined", _("from joining")

    name = models.CharField(_("name"), max_length=80, unique=True, help_text=_("The roomId of the frames."))
    name_key = NameKey(of="name")
    name_shape = NameShape(of="name")
    title = models.CharField(_("title"), max_length=200, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.PUBLIC)
    topic = models.CharField(_("topic"), max_length=250, blank=True)
    history = models.CharField(_("new members see"), max_length=10, choices=History.choices, default=History.ALL)
    slow_mode_s = models.PositiveIntegerField(
        _("slow mode"), default=0, help_text=_("Seconds between two messages of one member; 0: no slow mode.")
    )
    locked = models.BooleanField(_("locked"), default=False, help_text=_("Only moderators write."))
    last_seq = models.PositiveBigIntegerField(_("last seq"), default=0, editable=False)
    pruned_seq = models.PositiveBigIntegerField(
        _("pruned seq"),
        default=0,
        editable=False,
        help_text=_("The last change that went with pruned messages: who knows less cannot resume."),
    )
    transient = models.BooleanField(
        _("transient"), default=False, help_text=_("Made by joining: disappears when empty and nothing was said.")
    )
    epoch = models.CharField(
        _("epoch"),
        max_length=8,
        default=new_epoch,
        editable=False,
        help_text=_("Clients resume within one epoch; a restored database begins another."),
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, help_text=_("A closed room can be read only."))
    removed_at = models.DateTimeField(
        _("removed"),
        null=True,
        editable=False,
        help_text=_("Nobody finds it any more; its messages are being deleted."),
    )
    access_version = models.PositiveBigIntegerField(
        default=0,
        editable=False,
    )  # raised with every change of who may write: what was decided before it is decided again
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )

    content_type = models.ForeignKey(
        "contenttypes.ContentType", on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    object_key = models.CharField(max_length=255, null=True, editable=False)  # of the object that the room belongs to
    permission = models.CharField(max_length=150, blank=True, editable=False)  # which one needs for that object
    direct_key = models.CharField(
        max_length=64, null=True, unique=True, editable=False
    )  # of the people of a direct room: the same people have one
    link = models.CharField(max_length=500, blank=True, editable=False)  # where the object's own page is

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        permissions = [
            ("moderate", _("Can moderate every room")),
            ("administer", _("Can send messages to everybody")),
            ("monitor", _("Can see the monitoring page")),
            ("see_private", _("Can see private rooms")),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="room_has_a_name"),
            models.CheckConstraint(
                condition=Q(kind__in=["public", "private", "direct", "object"]), name="room_kind_is_known"
            ),
            models.CheckConstraint(condition=Q(history__in=["all", "joined"]), name="room_history_is_known"),
            models.CheckConstraint(condition=Q(slow_mode_s__lte=21_600), name="slow_mode_is_six_hours_at_most"),
            models.CheckConstraint(
                condition=Q(history="all") | Q(kind="private"),
                name="only_a_private_room_hides_its_past",
            ),
            models.UniqueConstraint(fields=["content_type", "object_key"], name="one_room_per_object"),
        ]

    def __str__(self) -> str:
        return self.name
