"""Connects rooms to the changes of rights it listens to."""

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RoomsConfig(AppConfig):
    name = "rooms"
    label = "chat_rooms"
    verbose_name = _("Rooms")

    def ready(self) -> None:
        from accounts.signals import access_changed

        access_changed.connect(_recheck_users, dispatch_uid="rooms.recheck_users")


def _recheck_users(user_ids: Iterable[Any], **_: Any) -> None:
    from rooms.live import node

    node.recheck_users(user_ids)
