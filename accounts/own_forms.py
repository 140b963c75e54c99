"""The forms with which people change and delete their own account. Each asks for the password."""

from typing import cast

from django import forms
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _

from accounts import passwords, services
from accounts.models import User
from accounts.refusals import sentence
from rooms.errors import Forbidden, RateLimited

WRONG = _("This is not right.")


class ChangePasswordForm(PasswordChangeForm):
    """The old password, and a new one that passes the validators, typed twice.

    `refusal` is set after too many tries.
    """

    refusal: RateLimited | None = None

    def __init__(self, request: HttpRequest, data: QueryDict | None = None) -> None:
        super().__init__(cast(User, request.user), data, label_suffix="")
        self.request = request
        self.fields["old_password"].widget.attrs.pop("autofocus", None)  # the page has more than this

    def clean_old_password(self) -> str:
        return _confirmed(self, self.cleaned_data["old_password"])

    def save(self, commit: bool = True) -> User:  # noqa: ARG002 - its shape is Django's
        user: User = self.user
        services.set_password(user=user, password=self.cleaned_data["new_password1"])
        return user


class EraseForm(forms.Form):
    """The password, or the username of somebody who signs in by another system. `refusal` as above."""

    refusal: RateLimited | None = None
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, request: HttpRequest, data: QueryDict | None = None) -> None:
        super().__init__(data, prefix="erase", label_suffix="")
        self.request = request
        self.user = cast(User, request.user)
        if not self.user.has_usable_password():
            self.fields["password"].label = _("Your username")
            self.fields["password"].widget = forms.TextInput(attrs={"autocomplete": "off"})

    def clean_password(self) -> str:
        return _confirmed(self, self.cleaned_data["password"])


def _confirmed(form: ChangePasswordForm | EraseForm, password: str) -> str:
    address = form.request.META.get("REMOTE_ADDR", "")
    try:
        passwords.confirm(user=form.user, password=password, address=address, door="page")
    except RateLimited as error:
        form.refusal = error
        raise ValidationError(sentence(error)) from None
    except Forbidden:
        raise ValidationError(WRONG) from None
    return password
