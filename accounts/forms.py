"""The forms of accounts: what people type, and what is wrong with it. Storing is the services' work.

The model spells the name. Django's own field for it would write one name differently here than elsewhere.
"""

from collections.abc import Iterable
from functools import partial
from itertools import islice
from typing import Any

from django.contrib.auth.forms import (
    AdminUserCreationForm,
    AuthenticationForm,
    BaseUserCreationForm,
    PasswordResetForm,
    SetPasswordForm,
    UserChangeForm,
)
from django.core.exceptions import ValidationError
from django.forms import EmailInput
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import mails, services
from accounts.models import User
from rooms.callers import check_ban
from rooms.errors import Banned

MAX_MAILS = 5  # to one address at a time, however many accounts somebody has made with it


class RegisterForm(BaseUserCreationForm):  # type: ignore[type-arg]  # the class takes no argument when it runs
    """A new username, an address if somebody likes, and a password that passes the validators, typed twice."""

    class Meta:
        model = User
        fields = ("username", "email")
        widgets = {"email": EmailInput(attrs={"autocomplete": "email"})}
        help_texts = {"email": _("Optional. For a new password when you forget yours. Other users do not see it.")}


class SignInForm(AuthenticationForm):
    """Username and password of somebody who is not banned from the chat."""

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        try:
            check_ban(user.pk)
        except Banned as error:
            raise ValidationError(error.message) from None


class AddUserForm(AdminUserCreationForm):  # type: ignore[type-arg]  # the same
    """A new user in the admin, with or without a password."""

    class Meta:
        model = User
        fields = ("username",)


class ChangeUserForm(UserChangeForm):  # type: ignore[type-arg]  # the same
    """A user in the admin."""

    class Meta:
        model = User
        fields = "__all__"


class ForgottenForm(PasswordResetForm):
    """The address of somebody who has forgotten their password."""

    def get_users(self, email: str) -> Iterable[User]:
        return islice(super().get_users(email), MAX_MAILS)

    def save(self, *, request: HttpRequest, **options: Any) -> None:  # type: ignore[override]  # as its view calls it
        """Looks for users of this address and writes to them, after the answer: it must not take longer for them."""
        mails.in_background(partial(super().save, domain_override=request.get_host(), **options))


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # the same
    """A new password that passes the validators, typed twice."""

    def save(self, commit: bool = True) -> User:  # noqa: ARG002 - its shape is Django's
        user: User = self.user
        services.set_password(user=user, password=self.cleaned_data["new_password1"])
        return user
