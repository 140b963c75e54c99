"""Who people are: users, their roles, and the devices they signed in on."""

import uuid
from collections.abc import Iterable

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person or a program. Roles come from Django's own flags and groups, nothing else."""

    token_epoch = models.PositiveIntegerField(
        _("token epoch"), default=0, help_text=_("Raising it signs this user out everywhere.")
    )

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    @property
    def roles(self) -> tuple[str, ...]:
        """`user` always; `moderator` and `admin` by flag (staff, superuser) or by a group of that name. One query."""
        groups: Iterable[str] = {group.name for group in self.groups.all()}
        admin = self.is_superuser or "admin" in groups
        moderator = admin or self.is_staff or "moderator" in groups
        return ("user", *(("moderator",) if moderator else ()), *(("admin",) if admin else ()))

    def stamp(self) -> str:
        """What every token and open socket of this user carries; changes with password, epoch and `is_active`."""
        value = f"{self.pk}:{self.password}:{self.token_epoch}:{self.is_active}"
        return salted_hmac("accounts.User.stamp", value, algorithm="sha256").hexdigest()[:24]

    def get_session_auth_hash(self) -> str:
        """A browser's session ends with what ends a token."""
        return self.stamp()


class SignIn(models.Model):
    """One device's sign-in: a family of refresh tokens, of which only the newest is good."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins", verbose_name=_("user"))
    generation = models.PositiveIntegerField(_("generation"), default=0, help_text=_("Of its newest refresh token."))
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    used_at = models.DateTimeField(_("last used"), auto_now=True)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        indexes = [models.Index(fields=["expires_at"])]

    def __str__(self) -> str:
        return f"{self.user} · {self.created_at:%Y-%m-%d %H:%M}"


class AccessChange(models.Model):
    """When a user's rights were last changed: one row a user, without a tie to them, so that it outlives them.

    Processes learn of a change at once over the channel layer; whoever missed that finds it here.
    """

    user_id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.user_id} · {self.at:%Y-%m-%d %H:%M}"
