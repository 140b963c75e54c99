"""Announces whose rights or name may have changed, from what Django says of users, their permissions and sessions."""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import structlog
from django.apps import apps
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.http import HttpRequest

from rooms import people
from rooms.callers import SESSION_ID
from rooms.people import Shown
from rooms.services.people import announce_deleted, announce_name, pass_on_rooms
from rooms.services.rights import announce, end_session

log = structlog.get_logger(__name__)
User: Any = get_user_model()
SHOWN_BEFORE = "_chat_shown_before"  # on a user who is being saved: what others have seen of them


def connect() -> None:
    pre_save.connect(_user_will_be_saved, sender=User)
    post_save.connect(_user_saved, sender=User)
    pre_delete.connect(_user_will_be_deleted, sender=User)
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


def _user_will_be_saved(instance: Any, raw: bool, update_fields: Iterable[str] | None, **_: Any) -> None:
    fields = None if update_fields is None else set(update_fields)
    may_rename = fields is None or people.NAME_FIELD in fields or (people.by_function() and fields != {"last_login"})
    is_new = raw or instance._state.adding  # noqa: SLF001 - Django documents _state as public
    instance.__dict__[SHOWN_BEFORE] = _shown(instance.pk) if may_rename and not is_new else None


def _shown(user_id: Any) -> Shown | None:
    """What others see of a user now; None when it is not known, and then no change of it is announced."""
    try:
        user = User._base_manager.filter(pk=user_id).first()  # noqa: SLF001 - Django's own, of all users
        return people.shown(user) if user is not None else None
    except Exception:  # a fault of the project's function must not stop the project from saving its user
        log.exception("people.name_failed", user=str(user_id))
        return None


def _announce_if_renamed(user: Any, before: Shown) -> None:
    after = people.shown(user)
    if after != before:
        announce_name(user_id=user.pk, shown=after)


def _user_saved(instance: Any, created: bool, update_fields: Iterable[str] | None, **_: Any) -> None:
    people.forget(instance.pk)
    transaction.on_commit(lambda: people.forget(instance.pk))  # meanwhile another thread may have read the old name
    if before := instance.__dict__.pop(SHOWN_BEFORE, None):
        transaction.on_commit(lambda: _announce_if_renamed(instance, before), robust=True)
    if not created and set(update_fields or ()) != {"last_login"}:
        announce([instance.pk])


def _user_will_be_deleted(instance: Any, **_: Any) -> None:
    pass_on_rooms(user_id=instance.pk)


def _user_deleted(instance: Any, **_: Any) -> None:
    people.forget(instance.pk)
    announce([instance.pk])
    announce_deleted(user_id=instance.pk)


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
        end_session(session_id=session_id, until=session.get_expiry_date())
    announce([user.pk])
