"""The app of the chat."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from monitoring import logs


class RoomsConfig(AppConfig):
    name = "rooms"
    label = "chat_rooms"
    verbose_name = _("Rooms")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from rooms import checks, receivers  # they need the models, which are loaded by now

        checks.register()
        receivers.connect()
        logs.use_the_projects_logging()
