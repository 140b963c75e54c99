"""What is true about rooms: the rooms, who belongs to them, and what was said. Reads live on the query sets.

Every stored change of a room takes the room's next `seq`, given while the room's row is locked (see services), so the
numbers have no holes and commit in order.
"""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class RoomQuerySet(models.QuerySet["Room"]):
    def visible_to(self, user_id: int) -> Self:
        """Rooms this user may know of: the public ones, and those of which they are a member who is not banned."""
        now = timezone.now()
        mine = Membership.objects.filter(user_id=user_id)
        banned = mine.filter(banned_until__gt=now).values("room_id")
        return self.filter(Q(kind=Room.Kind.PUBLIC) | Q(pk__in=mine.values("room_id"))).exclude(pk__in=banned)

    def has_pruned(self, room_id: int, *, after: int) -> bool:
        """Whether changes after a seq are gone with pruned messages. Ask once they are read: pruning may go on."""
        return self.filter(pk=room_id, pruned_seq__gt=after).exists()


class Room(models.Model):
    class Kind(models.TextChoices):
        PUBLIC = "public", _("public")
        PRIVATE = "private", _("private")
        DIRECT = "direct", _("direct")

    name = models.CharField(_("name"), max_length=80, unique=True, help_text=_("The roomId of the frames."))
    title = models.CharField(_("title"), max_length=200, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.PUBLIC)
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
    entries = models.PositiveIntegerField(
        _("entries"),
        default=0,
        editable=False,
        help_text=_("Counts entries while transient, so removal sees a joiner."),
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, help_text=_("A closed room can be read only."))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )

    objects = RoomQuerySet.as_manager()

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="room_has_a_name"),
            models.CheckConstraint(condition=Q(kind__in=["public", "private", "direct"]), name="room_kind_is_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """What is remembered of one user in one room. A public room needs none to be entered."""

    class Role(models.TextChoices):
        OWNER = "owner", _("owner")
        MODERATOR = "moderator", _("moderator")
        MEMBER = "member", _("member")

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("room"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    read_seq = models.PositiveBigIntegerField(_("read up to seq"), default=0)
    muted_until = models.DateTimeField(_("muted until"), null=True, blank=True)
    banned_until = models.DateTimeField(_("banned until"), null=True, blank=True)
    joined_at = models.DateTimeField(_("joined"), auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="one_membership_per_room_and_user"),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "moderator", "member"]), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.room}"


class MessageQuerySet(models.QuerySet["Message"]):
    def page(self, room_id: int, *, limit: int, before: int | None = None, after: int | None = None) -> "list[Message]":
        """At most `limit` undeleted messages, oldest first, by key: the newest, those before or those after a seq."""
        rows = self.filter(room_id=room_id, deleted_at=None).select_related("author")
        if before is not None:
            rows = rows.filter(seq__lt=before)
        if after is not None:
            rows = rows.filter(seq__gt=after)
        if after is not None and before is None:
            return list(rows.order_by("seq")[:limit])
        return list(reversed(rows.order_by("-seq")[:limit]))

    def changed(self, room_id: int, *, after: int, limit: int) -> "list[Message]":
        """What changed in a room after a seq, in the order of the changes, deleted messages included."""
        rows = self.filter(room_id=room_id, changed_seq__gt=after).select_related("author")
        return list(rows.order_by("changed_seq")[:limit])

    def oldest_of(self, room_id: int, *, newest: int) -> int | None:
        """The seq of the oldest of a room's so many newest undeleted messages; None when there are fewer."""
        seqs = self.filter(room_id=room_id, deleted_at=None).order_by("-seq").values_list("seq", flat=True)
        return seqs[newest - 1 : newest].first()


class Message(models.Model):
    class Kind(models.TextChoices):
        """The type its event carries: the command was sent under this name."""

        CHAT = "chat-message", _("chat-message")
        ROOM = "room-message", _("room-message")

    id = models.BigAutoField(primary_key=True)
    # No index of their own for `room` and `author`: the constraints below begin with them, and each costs every insert.
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
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)
    repeated = False  # not stored: set on the row that answers a second send with the same client id

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["room", "seq"], name="one_message_per_room_and_seq"),
            models.UniqueConstraint(fields=["author", "client_id"], name="one_message_per_author_and_client_id"),
            models.CheckConstraint(
                condition=Q(changed_seq__gte=models.F("seq")), name="message_changes_after_it_is_made"
            ),
        ]
        indexes = [models.Index(fields=["room", "changed_seq"], name="room_changes")]

    def __str__(self) -> str:
        return f"{self.room} #{self.seq}"
