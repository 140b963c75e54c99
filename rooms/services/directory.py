"""Finding people by the beginning of their names, among those whom CHAT_FINDABLE lets the asker find.

Where names come from functions no column has them: then only people of the asker's rooms are compared.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Q, QuerySet

from rooms import names, people, scopes
from rooms.conf import conf
from rooms.models import Membership
from rooms.protocol.commands.directory import PEOPLE_MAX
from rooms.protocol.frames.base import UserRef
from rooms.storage.columns import NAME_KEY, has_field

COMPARED = 2_000  # people of the asker's rooms whose names come from functions
User: Any = get_user_model()


def find_users(*, user_id: Any, query: str, limit: int) -> list[UserRef]:
    """People whose names begin so, by name; neither the asker nor who is not active."""
    key, limit = names.key(query.strip()), min(limit, PEOPLE_MAX)
    if not key or conf.CHAT_FINDABLE == "nobody":
        return []
    if people.named_by_key():
        return _compared(user_id, key)[:limit]
    found = _active(user_id)
    if conf.CHAT_FINDABLE == "members":
        found = found.filter(_shares_a_room(user_id))
    column = NAME_KEY or str(people.NAME_FIELD)
    keys = found.filter(_begins(column, key)).order_by(column).values_list("pk", flat=True)[:limit]
    shown = people.lookup(list(keys))
    return [UserRef(str(key), *shown[key]) for key in keys if key in shown]


def _active(user_id: Any) -> QuerySet[Any]:
    found: QuerySet[Any] = User._base_manager.exclude(pk=user_id)  # noqa: SLF001 - Django's own, of all users
    return found.filter(is_active=True) if has_field(User, "is_active") else found


def _shares_a_room(user_id: Any) -> Q:
    members = Membership.objects.exclude(role=Membership.Role.NONE)
    own, scope = members.filter(user_id=user_id), scopes.current()
    if scope is not None and scope.rooms is not None:  # its token opens no others
        own = own.filter(room_id__in=scope.rooms)
    return Q(pk__in=members.filter(room_id__in=own.values("room_id")).values("user_id"))


def _begins(column: str, key: str) -> Q:
    """By the index of the keys, which SQLite uses for a range only. Plain names are compared without their case."""
    if column == people.NAME_FIELD:
        return Q(**{f"{column}__istartswith": key})
    if connection.vendor == "sqlite":
        return Q(**{f"{column}__gte": key, f"{column}__lt": f"{key}\U0010ffff"})
    return Q(**{f"{column}__startswith": key})


def _compared(user_id: Any, key: str) -> list[UserRef]:
    ids = _active(user_id).filter(_shares_a_room(user_id)).order_by("pk").values_list("pk", flat=True)[:COMPARED]
    found = [(names.key(shown.name), pk, shown) for pk, shown in people.lookup(list(ids)).items()]
    found = sorted((one for one in found if one[0].startswith(key)), key=lambda one: (one[0], str(one[1])))
    return [UserRef(str(pk), *shown) for _, pk, shown in found]
