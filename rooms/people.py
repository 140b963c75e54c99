"""What others see of a user: a name and maybe a picture, whatever the project's user model is.

Names come from a column of the model, in the statement that reads what they belong to; or from the project's functions,
which are asked once in KEPT_S for each user.
"""

import uuid
from collections.abc import Iterable
from time import monotonic
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import CharField, EmailField, Field, UUIDField

from rooms import names
from rooms.conf import conf

KEPT_S = 30.0
MAX_KEPT = 10_000
User: Any = get_user_model()


class Shown(NamedTuple):
    name: str
    avatar: str | None = None


def _name_field() -> str | None:
    """The field whose text others may see; an e-mail address is none."""
    for name in (User.USERNAME_FIELD, "username"):
        try:
            field = User._meta.get_field(name)  # noqa: SLF001 - Django documents _meta as public
        except FieldDoesNotExist:
            continue
        if isinstance(field, CharField) and not isinstance(field, EmailField) and name != User.get_email_field_name():
            return name
    return None


def key_field() -> "Field[Any, Any]":
    """The field that has a user's key: the one another key leads to, in models that extend others."""
    field: Any = User._meta.pk  # noqa: SLF001 - the same
    while field.remote_field:
        field = field.target_field
    return field  # type: ignore[no-any-return]  # what a key leads to is a field


def key_type() -> type:
    """int, UUID or str."""
    field = key_field()
    if isinstance(field, UUIDField):
        return uuid.UUID
    return str if isinstance(field, CharField) or field.get_internal_type() == "TextField" else int


NAME_FIELD = _name_field()
_kept: dict[Any, tuple[float, Shown]] = {}


def by_function() -> bool:
    """Whether names or pictures come from functions: then a column has nothing to show."""
    return NAME_FIELD is None or conf.CHAT_DISPLAY_NAME is not None or conf.CHAT_AVATAR is not None


def shown(user: Any) -> Shown:
    """What others see of this user."""
    avatar = conf.CHAT_AVATAR(user) if conf.CHAT_AVATAR else None
    return Shown(str((conf.CHAT_DISPLAY_NAME or _name)(user)), avatar)


def _name(user: Any) -> str:
    """The username; else the full name, or what stands before the @ of an address."""
    if NAME_FIELD is not None:
        return str(getattr(user, NAME_FIELD))
    full_name = user.get_full_name() if hasattr(user, "get_full_name") else ""
    return (full_name or user.get_username()).partition("@")[0]


def named_by_key() -> bool:
    """Whether commands name a user by the key: names come from a function, and several may have the same."""
    return NAME_FIELD is None or conf.CHAT_DISPLAY_NAME is not None


def reference(user: Any) -> str:
    """By what a command names this user."""
    return str(user.pk) if named_by_key() else _name(user)


def find(name: str) -> Any:
    """The key of the user whom a command names; None when there is none."""
    found = {"pk": name} if named_by_key() else {str(NAME_FIELD): names.normalized(name)}
    try:
        return User._base_manager.filter(**found).values_list("pk", flat=True).first()  # noqa: SLF001 - Django's own, of all users
    except (ValueError, ValidationError):  # no key of this model
        return None


def lookup(user_ids: Iterable[Any]) -> dict[Any, Shown]:
    """The same of users by their keys, without those that are no more."""
    now = monotonic()
    wanted = set(user_ids)
    known = {key: kept[1] for key in wanted if (kept := _kept.get(key)) and now - kept[0] < KEPT_S}
    for key, user in User._base_manager.in_bulk(wanted - known.keys()).items():  # noqa: SLF001 - Django's own, of all users
        known[key] = shown(user)
        if len(_kept) >= MAX_KEPT:
            _kept.clear()
        _kept[key] = (now, known[key])
    return known


def forget(user_id: Any) -> None:
    """This user was changed: the functions are asked again."""
    _kept.pop(user_id, None)
