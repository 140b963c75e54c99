"""Rooms of a project's own objects: an order, a ticket, a lesson. Who may see the object may enter its room.

The project's own permissions decide: `user.has_perm(permission, object)`, asked when somebody joins or reads, and again
at every lease.
"""

import secrets
from typing import Any

import structlog
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.db.models.signals import post_delete
from django.utils import timezone

from rooms import names
from rooms.models import Room

log = structlog.get_logger(__name__)
MAX_NAME = 80


def room_of(obj: Model, *, permission: str = "") -> tuple[Room, bool]:
    """The room of this object, and whether it was made now. Its title is the object's text, its link the object's page.

    `permission` is what one needs for the object, by default that to view it.
    """
    kind = ContentType.objects.get_for_model(obj)
    options = kind.model_class()._meta  # type: ignore[union-attr]  # noqa: SLF001 - Django documents _meta as public
    values = {"title": str(obj)[:200], "link": _link(obj), **({"permission": permission} if permission else {})}
    post_delete.connect(_object_deleted, sender=type(obj), dispatch_uid="chat.objects")
    room = Room.objects.filter(content_type=kind, object_key=str(obj.pk)).first()
    if room is None:
        return _make(obj, kind, {"permission": f"{options.app_label}.view_{options.model_name}", **values})
    changed = {field: value for field, value in values.items() if getattr(room, field) != value}
    if changed:
        Room.objects.filter(pk=room.pk).update(**changed)
        room.refresh_from_db()
    return room, False


def _make(obj: Model, kind: ContentType, values: dict[str, str]) -> tuple[Room, bool]:
    """Under a name that shows what it is for; where somebody has taken that, with an ending that nobody has."""
    name = _name(f"{kind.model}-{obj.pk}")
    for unique in (name, f"{name[: MAX_NAME - 9]}-{secrets.token_hex(4)}"):
        try:
            with transaction.atomic():
                made = {"name": unique, "kind": Room.Kind.OBJECT, **values}
                return Room.objects.get_or_create(content_type=kind, object_key=str(obj.pk), defaults=made)
        except IntegrityError:
            continue
    raise IntegrityError(f"No name is free for the room of {name}")


def _name(text: str) -> str:
    """The text as a name of a room: what no name may have becomes a dash, in a text of mixed scripts all but ASCII."""
    normal = names.normalized(text)
    if names.is_mixed(normal):
        normal = normal.encode("ascii", "replace").decode()
    return "".join(char if names.is_name(f"a-{char}", signs="-_.") else "-" for char in normal)[:MAX_NAME]


def _link(obj: Any) -> str:
    return str(obj.get_absolute_url())[:500] if hasattr(obj, "get_absolute_url") else ""


def may_see(user_id: Any, room_id: int) -> bool:
    """Whether the project lets this user see the object of this room; one that is gone closes its room."""
    room = Room.objects.select_related("content_type").filter(pk=room_id).first()
    user: Any = get_user_model()._base_manager.filter(pk=user_id).first()  # noqa: SLF001 - Django's own, of all users
    if room is None or user is None:
        return False
    obj = _object_of(room)
    if obj is None:
        _close(room.pk)
        return False
    return bool(user.has_perm(room.permission, obj))


def _object_of(room: Room) -> Model | None:
    model: Any = room.content_type.model_class() if room.content_type else None
    if model is None:
        return None
    found: Model | None = model._base_manager.filter(pk=room.object_key).first()  # noqa: SLF001 - the same
    return found


def _close(room_id: int) -> None:
    if Room.objects.filter(pk=room_id, closed_at=None).update(closed_at=timezone.now()):
        log.info("room.object_gone", room=room_id)


def _object_deleted(instance: Model, **_: Any) -> None:
    """Where a process has made no room of such an object yet, the next who looks into the room closes it."""
    kind = ContentType.objects.get_for_model(instance)
    for room_id in Room.objects.filter(content_type=kind, object_key=str(instance.pk)).values_list("pk", flat=True):
        _close(room_id)
