"""Says, after commit, whose rights may have changed. Who listens, and what they do about it, is not known here."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.functions import Now
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from django.dispatch import Signal
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import AccessChange, EndedSession, SignIn, User

SESSION_ID = "session_id"  # in every signed-in session: names it whatever its key, which some engines change
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
    post_delete.connect(_session_deleted, sender=Session)
    user_logged_in.connect(_logged_in)
    user_logged_out.connect(_logged_out)


def _user_saved(instance: User, created: bool, update_fields: Iterable[str] | None, **_: Any) -> None:
    if not created and set(update_fields or ()) != {"last_login"}:
        announce([instance.pk])


def _user_deleted(instance: User, **_: Any) -> None:
    announce([instance.pk])


def _sign_in_saved(instance: SignIn, **_: Any) -> None:
    if instance.revoked_at:
        announce([instance.user_id])


def _sign_in_deleted(instance: SignIn, origin: Any, **_: Any) -> None:
    """One that had ended before changes nothing; with a deleted user's ones, the user is announced."""
    with_user = getattr(origin, "model", type(origin)) is User
    if not with_user and instance.revoked_at is None and instance.expires_at > timezone.now():
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


def _logged_in(request: HttpRequest | None, **_: Any) -> None:
    session: Any = getattr(request, "session", {})
    if SESSION_KEY in session:  # else it was another way to sign in that says so by this signal
        session.setdefault(SESSION_ID, uuid.uuid4().hex)


def _logged_out(request: HttpRequest | None, user: Any, **_: Any) -> None:
    """Comes before the session is removed, if its engine can remove it: so it is noted as ended first."""
    if not isinstance(user, User):
        return
    session: Any = getattr(request, "session", {})
    if session_id := session.get(SESSION_ID):
        EndedSession.objects.filter(until__lt=timezone.now()).delete()
        ended = EndedSession(id=session_id, until=session.get_expiry_date())
        EndedSession.objects.bulk_create([ended], ignore_conflicts=True)
    announce([user.pk])
