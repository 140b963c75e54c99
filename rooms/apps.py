"""Ties rooms to what they listen to."""

from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RoomsConfig(AppConfig):
    name = "rooms"
    verbose_name = _("Rooms")

    def ready(self) -> None:
        from accounts.signals import access_changed

        access_changed.connect(_check_user, dispatch_uid="rooms.check_user")


def _check_user(user_id: int, **_: Any) -> None:
    from rooms import node

    node.check_user(user_id)
