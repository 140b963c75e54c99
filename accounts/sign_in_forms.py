"""The forms that ask for name and password: the sign-in page's and the admin's. What counts as too many: guesses."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from accounts import services
from accounts.refusals import sentence
from rooms.callers import check_ban
from rooms.errors import AuthRequired, Banned, RateLimited


class SignInForm(AuthenticationForm):
    """`refusal` is set after too many tries."""

    refusal: RateLimited | None = None

    def clean(self) -> dict[str, Any]:
        return _clean(self, "page")

    def confirm_login_allowed(self, user: Any) -> None:
        """Nor is somebody who is banned from the chat let in here."""
        super().confirm_login_allowed(user)
        try:
            check_ban(user.pk)
        except Banned as error:
            raise ValidationError(error.message, code=error.code) from None


class AdminSignInForm(AdminAuthenticationForm):
    refusal: RateLimited | None = None

    def clean(self) -> dict[str, Any]:
        return _clean(self, "admin")


def _clean(form: SignInForm | AdminSignInForm, door: str) -> dict[str, Any]:
    """As Django's form does it, by the service that counts wrong ones."""
    username, password = form.cleaned_data.get("username"), form.cleaned_data.get("password")
    if username and password:
        address = form.request.META.get("REMOTE_ADDR", "") if form.request else ""
        try:
            form.user_cache = services.authenticated(
                username=username, password=password, address=address, door=door, request=form.request
            )
        except RateLimited as error:
            form.refusal = error
            raise ValidationError(sentence(error), code=error.code) from None
        except AuthRequired:
            raise form.get_invalid_login_error() from None
        form.confirm_login_allowed(form.user_cache)
    return form.cleaned_data
