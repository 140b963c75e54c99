"""After a restored backup: has every client fetch its rooms again instead of resuming into what was lost."""

from typing import Any

from django.core.management.base import BaseCommand

from rooms.services.rooms import renew_epochs


class Command(BaseCommand):
    help = "Begins a new epoch in every room: run it after restoring a backup, before the servers start."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"New epoch in {renew_epochs()} rooms.")
