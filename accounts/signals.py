"""Notes which browsers are signed in, and announces whose rights may have changed with a device's sign-in.

What users themselves change, `rooms` sees.
"""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest
from django.utils import timezone

from accounts import devices
from accounts.models import SignIn, User
from rooms.services.rights import announce


def connect() -> None:
    post_save.connect(_sign_in_saved, sender=SignIn)
    post_delete.connect(_sign_in_deleted, sender=SignIn)
    user_logged_in.connect(_logged_in)
    user_logged_out.connect(_logged_out)


def _sign_in_saved(instance: SignIn, **_: Any) -> None:
    if instance.revoked_at:
        announce([instance.user_id])


def _sign_in_deleted(instance: SignIn, origin: Any, **_: Any) -> None:
    """One that had ended before changes nothing; with a deleted user's ones, the user is announced."""
    with_user = getattr(origin, "model", type(origin)) is User
    if not with_user and instance.revoked_at is None and instance.expires_at > timezone.now():
        announce([instance.user_id])


def _logged_in(request: HttpRequest | None, user: Any, **_: Any) -> None:
    session: Any = getattr(request, "session", {})
    if isinstance(user, User) and SESSION_KEY in session:  # else it was another way to sign in that has this signal
        found: Any = request
        device = {"address": found.META.get("REMOTE_ADDR", ""), "user_agent": found.META.get("HTTP_USER_AGENT", "")}
        devices.open_browser(user=user, session=session, **device)


def _logged_out(request: HttpRequest | None, **_: Any) -> None:
    if session := getattr(request, "session", None):
        devices.close_browser(session=session)
