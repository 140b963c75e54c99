"""The forms that write usernames: what people type, and what is wrong with it. Storing is the services' work.

The model spells the name. Django's own field for it would write one name differently here than elsewhere.
"""

from django.contrib.auth.forms import AdminUserCreationForm, BaseUserCreationForm, UserChangeForm

from accounts.models import User


class RegisterForm(BaseUserCreationForm):  # type: ignore[type-arg]  # the class takes no argument when it runs
    """A new username, and a password that passes the validators, typed twice."""

    class Meta:
        model = User
        fields = ("username",)


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
