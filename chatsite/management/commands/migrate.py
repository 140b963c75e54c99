"""`manage.py migrate`, one at a time: whoever starts a second one waits, and then finds nothing left to do.

Django's own plans first and migrates then, so of two at once one fails. A project with an own `migrate` command of one
line, `from chatsite.management.commands.migrate import Command`, has the same.
"""

from typing import Any

from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import connections

from rooms.storage.migration_lock import migration_lock


class Command(MigrateCommand):
    def execute(self, *args: Any, **options: Any) -> str | None:
        """Locks before the checks too: the first connection to a new SQLite file already writes to it."""
        with migration_lock(connections[options["database"]], on_wait=self._say_so):
            return super().execute(*args, **options)

    def _say_so(self) -> None:
        self.stderr.write("Another migration of this database is running; waiting for its end.")
