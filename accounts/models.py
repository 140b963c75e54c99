"""Who people are: users, the devices they signed in on, and who they are in other systems."""

import uuid
from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from rooms import names
from rooms.models.keys import MAX_KEY, NameKey, NameShape

MAX_USERNAME = 150  # characters, of the name and of its key
KEYS = ("username_key", "username_shape")


def validate_username(value: str) -> None:
    """Raises ValidationError for anything else than visible letters, marks and numbers of any script and `@.+-_`."""
    if not names.is_name(names.normalized(value), signs="@.+-_"):
        raise ValidationError(UnicodeUsernameValidator.message, code="invalid")
    MaxLengthValidator(MAX_USERNAME)(names.key(value))  # a few ligatures stand for many letters
    MaxLengthValidator(MAX_KEY)(names.shape(value))


def alike(usernames: Iterable[str]) -> models.Q:
    """Users with one of these names, or with one that differs only in case, width or spelling, or looks like it."""
    wanted = list(usernames)
    return models.Q(username_key__in=map(names.key, wanted)) | models.Q(username_shape__in=map(names.shape, wanted))


class UserQuerySet(models.QuerySet["User"]):
    def update(self, **values: Any) -> int:
        """Changes the keys with the username, for which it needs the name itself and not an expression."""
        if "username" in values:
            values |= {"username_key": names.key(values["username"]), "username_shape": names.shape(values["username"])}
        return super().update(**values)

    def bulk_create(self, *args: Any, **options: Any) -> list["User"]:
        """Changes the keys with the username where a user exists already."""
        if "username" in (options.get("update_fields") or ()):
            options["update_fields"] = {*options["update_fields"], *KEYS}
        return super().bulk_create(*args, **options)


class Users(UserManager["User"]):
    """Finds a user by any spelling of the name: that is how password sign-in looks people up."""

    use_in_migrations = False

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(**self._named(username))

    async def aget_by_natural_key(self, username: str | None) -> "User":
        return await self.aget(**self._named(username))

    def _named(self, username: str | None) -> dict[str, str]:
        if not username or not username.isprintable():  # nobody's, and NUL or a lone surrogate would fail in a database
            raise self.model.DoesNotExist
        return {"username_key": names.key(username)}


class User(AbstractUser):
    """A person or a program. No two usernames look alike or differ only in case, width or spelling: both keys are
    unique.
    """

    username = models.CharField(
        _("username"),
        max_length=MAX_USERNAME,
        unique=True,
        help_text=_("Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only."),
        validators=[validate_username],
        error_messages={"unique": _("A user with that username already exists.")},
    )
    username_key = NameKey(of="username", max_length=MAX_USERNAME)
    username_shape = NameShape(of="username")
    token_epoch = models.PositiveIntegerField(
        _("token epoch"), default=0, help_text=_("Raising it signs this user out everywhere.")
    )

    objects: ClassVar[Users] = Users()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def save(self, *, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """Writes the keys wherever the username is written."""
        if update_fields is not None and "username" in update_fields:
            update_fields = {*update_fields, *KEYS}
        elif "username" in self.__dict__:
            for key in KEYS:
                self.__dict__.setdefault(key, "")  # one that was not loaded is written too
        super().save(update_fields=update_fields, **options)

    def validate_unique(self, exclude: Collection[str] | None = None) -> None:
        """Says of a name that is taken that the username is, in whatever spelling."""
        exclude = set(exclude or ())
        super().validate_unique(exclude={*exclude, "username", *KEYS})
        if "username" in exclude:
            return
        if User.objects.exclude(pk=self.pk).filter(alike([self.username])).exists():
            raise ValidationError({"username": self.unique_error_message(User, ("username",))})

    @classmethod
    def normalize_username(cls, username: Any) -> Any:
        """The name as it is stored; a form calls this for what is not a name, too."""
        return names.normalized(username) if isinstance(username, str) else username

    def stamp(self, *, secret: str | bytes | None = None) -> str:
        """What every token and open socket of this user carries; changes with password, epoch and `is_active`."""
        value = f"{self.pk}:{self.password}:{self.token_epoch}:{self.is_active}"
        return salted_hmac("accounts.User.stamp", value, secret=secret, algorithm="sha256").hexdigest()[:24]

    def get_session_auth_hash(self) -> str:
        """A browser's session ends with what ends a token."""
        return self.stamp()

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Those of sessions from before SECRET_KEY was replaced."""
        return (self.stamp(secret=secret) for secret in settings.SECRET_KEY_FALLBACKS)


class SignIn(models.Model):
    """One device's sign-in: a browser's session, or a family of refresh tokens, of which only the newest is good."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins", verbose_name=_("user"))
    is_browser = models.BooleanField(
        _("browser"), default=False, help_text=_("A session of a browser, and not of a program with tokens.")
    )
    stamp = models.CharField(max_length=24, editable=False)  # the user's at its last use: with another one it is over
    generation = models.PositiveIntegerField(_("generation"), default=0, help_text=_("Of its newest refresh token."))
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    used_at = models.DateTimeField(_("last used"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        indexes = [models.Index(fields=["expires_at"])]

    def __str__(self) -> str:
        return f"{self.user} · {self.created_at:%Y-%m-%d %H:%M}"


class ExternalIdentity(models.Model):
    """Who a user is at an issuer of CHAT_ISSUERS; a user may have several."""

    issuer = models.CharField(_("issuer"), max_length=255)
    subject = models.CharField(_("subject"), max_length=255)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities", verbose_name=_("user"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("external identity")
        verbose_name_plural = _("external identities")
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="chat_one_user_per_identity")]

    def __str__(self) -> str:
        return f"{self.subject} · {self.issuer}"


class Invitation(models.Model):
    """A code that lets some people make an account. It is shown once; what is stored is its hash."""

    code_hash = models.CharField(max_length=64, unique=True, editable=False)
    note = models.CharField(_("note"), max_length=200, blank=True, help_text=_("For whom it is. Only staff see it."))
    uses = models.PositiveIntegerField(
        _("uses"), default=1, validators=[MinValueValidator(1)], help_text=_("How many accounts can be made with it.")
    )
    used = models.PositiveIntegerField(_("used"), default=0, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("created by")
    )

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.CheckConstraint(condition=models.Q(used__lte=models.F("uses")), name="chat_no_invitation_overused")
        ]

    def __str__(self) -> str:
        return self.note or f"{self.created_at:%Y-%m-%d %H:%M}"
