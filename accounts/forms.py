"""The form of the registration page: what people type, and what is wrong with it. Storing is the services' work."""

from django.contrib.auth.forms import UserCreationForm

from accounts.models import User


class RegisterForm(UserCreationForm):  # type: ignore[type-arg]  # the class takes no argument when it runs
    """A new username, and a password that passes the validators, typed twice."""

    class Meta:
        model = User
        fields = ("username",)
