"""Says, after commit, whose rights may have changed. Who listens, and what they do about it, is not known here."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.functions import Now
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from django.dispatch import Signal

from accounts.models import AccessChange, SignIn, User

access_changed = Signal()  # sent with `user_ids`, a sorted list


def announce(user_ids: Iterable[int]) -> None:
    """Notes the change for all these users, and sends `access_changed` once after the commit.

    A listener that fails harms nobody else, and whoever does not hear it finds the note: `services.access_changes`.
    """
    ids = sorted(set(user_ids))  # in one order, so that two transactions do not wait for each other's rows
    if not ids:
        return
    changes = [AccessChange(user_id=user_id, at=Now()) for user_id in ids]
    AccessChange.objects.bulk_create(changes, update_conflicts=True, unique_fields=["user_id"], update_fields=["at"])
    transaction.on_commit(lambda: access_changed.send_robust(sender=User, user_ids=ids))


def connect() -> None:
    post_save.connect(_user_saved, sender=User)
    post_delete.connect(_user_deleted, sender=User)
    post_save.connect(_sign_in_saved, sender=SignIn)
    post_delete.connect(_sign_in_deleted, sender=SignIn)
    m2m_changed.connect(_groups_changed, sender=User.groups.through)
    post_save.connect(_group_changed, sender=Group)
    pre_delete.connect(_group_changed, sender=Group)
    post_delete.connect(_session_deleted, sender=Session)  # `user_logged_out` comes while it still is good


def _user_saved(instance: User, created: bool, update_fields: Iterable[str] | None, **_: Any) -> None:
    if not created and set(update_fields or ()) != {"last_login"}:
        announce([instance.pk])


def _user_deleted(instance: User, **_: Any) -> None:
    announce([instance.pk])


def _sign_in_saved(instance: SignIn, **_: Any) -> None:
    if instance.revoked_at:
        announce([instance.user_id])


def _sign_in_deleted(instance: SignIn, **_: Any) -> None:
    announce([instance.user_id])


def _groups_changed(instance: User | Group, action: str, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    """From a user's side `instance` is the user; from a group's side it is the group, and `pk_set` the users."""
    if reverse and action == "pre_clear":  # afterwards nobody knows who was in it
        _group_changed(instance)
    elif action.startswith("post_"):
        announce(pk_set or () if reverse else [instance.pk])


def _group_changed(instance: User | Group, created: bool = False, **_: Any) -> None:
    """A group's name grants roles, so renaming and deleting one changes those of its members."""
    if not created:
        announce(User.objects.filter(groups=instance.pk).values_list("pk", flat=True))


def _session_deleted(instance: Session, **_: Any) -> None:
    user_id = instance.get_decoded().get(SESSION_KEY)
    if user_id is not None:
        announce([int(user_id)])
