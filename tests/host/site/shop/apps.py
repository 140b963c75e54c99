"""Listens to the chat."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        from shop import listeners

        listeners.connect()
