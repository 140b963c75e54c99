"""The app of people and their sign-ins."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    label = "chat_accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from accounts import signals  # the receivers need the models, which are loaded by now

        signals.connect()
