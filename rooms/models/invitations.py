"""Links that let their holders become members of a room."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.rooms import Room


class Invitation(models.Model):
    """One link. Of its code only the hash is kept: who reads the database cannot use it."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="invitations", verbose_name=_("room"))
    code_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    max_uses = models.PositiveIntegerField(
        _("uses at most"), default=1, help_text=_("How many people it makes members; 0: any number.")
    )
    uses = models.PositiveIntegerField(_("uses"), default=0)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.CheckConstraint(
                condition=Q(max_uses=0) | Q(uses__lte=F("max_uses")), name="invitation_is_used_no_more_than_it_may"
            )
        ]

    def __str__(self) -> str:
        return f"{self.room} · {self.created_at:%Y-%m-%d %H:%M}"
