"""Who belongs to a room, and what they may do there."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from rooms.models.rooms import Room
from rooms.names import isolated


class Membership(models.Model):
    """One user's state in one room. Joining a public room needs none.

    A person without a role is no member: the row keeps what was decided about them, such as a ban.
    """

    class Role(models.TextChoices):
        OWNER = "owner", _("owner")
        MODERATOR = "moderator", _("moderator")
        MEMBER = "member", _("member")
        NONE = "none", _("no member")

    class Level(models.TextChoices):
        """What of the room the member is notified of."""

        ALL = "all", _("all messages")
        MENTIONS = "mentions", _("mentions")
        NONE = "none", _("nothing")

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("room"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    level = models.CharField(_("notified of"), max_length=10, choices=Level.choices, default=Level.ALL)
    read_seq = models.PositiveBigIntegerField(_("read up to seq"), default=0)
    read_version = models.PositiveIntegerField(default=0, editable=False)  # raised by each "mark as unread"
    visible_from_seq = models.PositiveBigIntegerField(
        _("sees messages after seq"), default=0, help_text=_("Older messages are hidden from this member.")
    )
    muted_until = models.DateTimeField(_("muted until"), null=True, blank=True)
    banned_until = models.DateTimeField(_("banned until"), null=True, blank=True)
    ban_reason = models.CharField(_("reason of the ban"), max_length=500, blank=True)
    kicked_at = models.DateTimeField(_("kicked"), null=True, editable=False)
    posted_at = models.DateTimeField(_("last message in slow mode"), null=True, editable=False)
    joined_at = models.DateTimeField(_("joined"), auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        indexes = [  # each process looks for what ends next
            models.Index(fields=["muted_until"], name="mutes_by_end", condition=Q(muted_until__isnull=False)),
            models.Index(fields=["banned_until"], name="bans_by_end", condition=Q(banned_until__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="one_membership_per_room_and_user"),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "moderator", "member", "none"]), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{isolated(str(self.user))} · {self.room}"
