"""Announces whose rights may have changed, from what Django says of users, their permissions and their sessions."""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from django.apps import apps
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.exceptions import ValidationError
from django.db import transaction
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
    pre_delete.connect(_permission_deleted, sender=Permission)
    user_logged_in.connect(_logged_in)
    user_logged_out.connect(_logged_out)
    if apps.is_installed("django.contrib.sessions"):
        from django.contrib.sessions.models import Session

        post_delete.connect(_session_deleted, sender=Session)


def _user_saved(instance: Any, created: bool, update_fields: Iterable[str] | None, **_: Any) -> None:
    people.forget(instance.pk)
    transaction.on_commit(lambda: people.forget(instance.pk))  # meanwhile another thread may have read the old name
    if not created and set(update_fields or ()) != {"last_login"}:
        announce([instance.pk])


def _user_deleted(instance: Any, **_: Any) -> None:
    people.forget(instance.pk)
    announce([instance.pk])


def _user_set_changed(instance: Any, action: str, reverse: bool, pk_set: set[Any] | None, **_: Any) -> None:
    """From a user's side `instance` is the user; else it is the group or the permission, and `pk_set` the users."""
    if reverse and action == "pre_clear":  # afterwards nobody knows who had it
        announce(_users(**{"groups" if isinstance(instance, Group) else "user_permissions": instance.pk}))
    elif action.startswith("post_"):
        announce(pk_set or () if reverse else [instance.pk])


def _group_permissions_changed(instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    """From a group's side `instance` is the group; from a permission's side it is that, and `pk_set` the groups."""
    if reverse and action == "pre_clear":
        _announce_groups(instance.group_set.values("pk"))
    elif action.startswith("post_"):
        _announce_groups(pk_set or () if reverse else [instance.pk])


def _group_deleted(instance: Group, **_: Any) -> None:
    _announce_groups([instance.pk])


def _permission_deleted(instance: Permission, **_: Any) -> None:
    _announce_groups(instance.group_set.values("pk"))
    if hasattr(User, "user_permissions"):
        announce(_users(user_permissions=instance.pk))


def _announce_groups(group_ids: Any) -> None:
    if hasattr(User, "groups"):
        announce(_users(groups__in=group_ids))


def _users(**conditions: Any) -> Iterable[Any]:
    found: Iterable[Any] = User._base_manager.filter(**conditions).values_list("pk", flat=True)  # noqa: SLF001 - Django's own
    return found


def _session_deleted(instance: Any, **_: Any) -> None:
    user_key = instance.get_decoded().get(SESSION_KEY)
    with suppress(ValidationError):  # it may be older than the project's user model
        announce([User._meta.pk.to_python(user_key)] if user_key is not None else [])  # noqa: SLF001 - Django documents _meta as public


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
