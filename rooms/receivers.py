"""Announces whose rights may have changed, from what Django says of users, their permissions and their sessions."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from django.http import HttpRequest
from django.utils import timezone

from rooms import people
from rooms.callers import SESSION_ID
from rooms.models import EndedSession
from rooms.services.rights import announce

User: Any = get_user_model()


def connect() -> None:
    post_save.connect(_user_saved, sender=User)
    post_delete.connect(_user_deleted, sender=User)
    for field in ("groups", "user_permissions"):
        if hasattr(User, field):  # a model may be without permissions
            m2m_changed.connect(_user_set_changed, sender=getattr(User, field).through)
    m2m_changed.connect(_group_permissions_changed, sender=Group.permissions.through)
    pre_delete.connect(_group_deleted, sender=Group)
    user_logged_in.connect(_logged_in)
    user_logged_out.connect(_logged_out)
    if apps.is_installed("django.contrib.sessions"):
        from django.contrib.sessions.models import Session

        post_delete.connect(_session_deleted, sender=Session)


def _user_saved(instance: Any, created: bool, update_fields: Iterable[str] | None, **_: Any) -> None:
    people.forget(instance.pk)
    if not created and set(update_fields or ()) != {"last_login"}:
        announce([instance.pk])


def _user_deleted(instance: Any, **_: Any) -> None:
    announce([instance.pk])


def _user_set_changed(instance: Any, action: str, reverse: bool, pk_set: set[Any] | None, **_: Any) -> None:
    """From a user's side `instance` is the user; from a group's side it is the group, and `pk_set` the users."""
    if reverse and action == "pre_clear":  # afterwards nobody knows who was in it
        announce(instance.user_set.values_list("pk", flat=True))
    elif action.startswith("post_"):
        announce(pk_set or () if reverse else [instance.pk])


def _group_permissions_changed(instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    """From a permission's side `instance` is the permission, and `pk_set` the groups."""
    if action.startswith("post_") or action == "pre_clear":
        _announce_groups(pk_set or () if reverse else [instance.pk])


def _group_deleted(instance: Group, **_: Any) -> None:
    _announce_groups([instance.pk])


def _announce_groups(group_ids: Iterable[int]) -> None:
    if hasattr(User, "groups"):
        announce(User._base_manager.filter(groups__in=group_ids).values_list("pk", flat=True))  # noqa: SLF001 - Django's own


def _session_deleted(instance: Any, **_: Any) -> None:
    user_key = instance.get_decoded().get(SESSION_KEY)
    if user_key is not None:
        announce([User._meta.pk.to_python(user_key)])  # noqa: SLF001 - Django documents _meta as public


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
