"""Bots: users that are programs, and the tokens by which they come in."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.rooms import Room
from rooms.names import isolated


class Bot(models.Model):
    """A user that is a program: it has tokens instead of a password."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="chat_bot",
        verbose_name=_("user"),
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("owner"),
        help_text=_("The person to ask about this bot."),
    )
    active = models.BooleanField(_("active"), default=True, help_text=_("No token of an inactive bot is taken."))
    may_mention = models.BooleanField(
        _("may mention"), default=False, help_text=_("Otherwise a name in its messages is only a text.")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("bot")
        verbose_name_plural = _("bots")

    def __str__(self) -> str:
        return isolated(str(self.user))


class BotToken(models.Model):
    """One token. Only its hash is kept: who reads the database cannot use it."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="tokens", verbose_name=_("bot"))
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    beginning = models.CharField(_("begins with"), max_length=16, editable=False)  # by which people recognise it
    all_rooms = models.BooleanField(
        _("all rooms"), default=False, help_text=_("It opens all rooms that the bot is a member of.")
    )
    rooms = models.ManyToManyField(Room, blank=True, related_name="+", verbose_name=_("rooms"))
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    used_at = models.DateTimeField(_("last used"), null=True, help_text=_("To within an hour."))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("token of a bot")
        verbose_name_plural = _("tokens of bots")

    def __str__(self) -> str:
        return f"{self.beginning}…"
