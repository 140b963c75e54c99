"""Ties rooms to what they listen to."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext_lazy as _


class RoomsConfig(AppConfig):
    name = "rooms"
    verbose_name = _("Rooms")

    def ready(self) -> None:
        from accounts.signals import access_changed

        access_changed.connect(_check_users, dispatch_uid="rooms.check_users")
        for signal in (post_save, post_delete):
            signal.connect(_membership_changed, sender="rooms.Membership", dispatch_uid="rooms.membership_changed")


def _check_users(user_ids: list[int], **_: Any) -> None:
    from rooms import node

    node.check_users(user_ids)


def _membership_changed(instance: Any, created: bool = False, **_: Any) -> None:
    """A ban or a membership taken away acts on open sockets; a new one only lets in."""
    from accounts.signals import announce

    if not created or instance.banned_until:
        announce([instance.user_id])
