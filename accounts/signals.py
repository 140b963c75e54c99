"""Announces whose rights may have changed with a device's sign-in; what users themselves change, `rooms` sees."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from accounts.models import SignIn, User
from rooms.services.rights import announce


def connect() -> None:
    post_save.connect(_sign_in_saved, sender=SignIn)
    post_delete.connect(_sign_in_deleted, sender=SignIn)


def _sign_in_saved(instance: SignIn, **_: Any) -> None:
    if instance.revoked_at:
        announce([instance.user_id])


def _sign_in_deleted(instance: SignIn, origin: Any, **_: Any) -> None:
    """One that had ended before changes nothing; with a deleted user's ones, the user is announced."""
    with_user = getattr(origin, "model", type(origin)) is User
    if not with_user and instance.revoked_at is None and instance.expires_at > timezone.now():
        announce([instance.user_id])
