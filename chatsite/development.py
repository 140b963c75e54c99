"""The development server, with example users and messages: `make run`, or `python -m chatsite.development`.

It has a database, secrets and mails that are not production's, whatever `.env` and the environment say. With arguments
it runs `manage.py` on the same database: `python -m chatsite.development shell`.
"""

import os
import sys
from collections.abc import Sequence

import django
from django.conf import settings
from django.core.management import call_command, execute_from_command_line
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from chatsite import environment, start, variables

HOST = "127.0.0.1"
PRODUCTION = (  # variables that are production's: here each has its default
    "ALLOWED_HOSTS",
    "CHAT_HTTPS",
    "EMAIL_URL",
    "JWT_SECRET",
    "LOG_DIR",
    "REDIS_HOST",
    "REDIS_URL",
    "SECRET_KEY",
)


def main(arguments: Sequence[str]) -> None:
    use_development_variables()
    is_restart = os.environ.get(DJANGO_AUTORELOAD_ENV) == "true"  # after a change of the code, which may be broken
    if not is_restart:
        start.load_settings()
    if arguments:
        execute_from_command_line(["manage.py", *arguments])
        return
    if not is_restart:
        _prepare()
    execute_from_command_line(["manage.py", "runserver", f"{HOST}:{settings.PORT}"])


def use_development_variables() -> None:
    """What `.env` and the environment say of the port and of limits stays; DEVELOPMENT_DATABASE_URL is the database."""
    start.or_exit(variables.read_file)
    database = environment.text("DEVELOPMENT_DATABASE_URL", default="")
    os.environ |= dict.fromkeys([*PRODUCTION, *[f"{name}_FILE" for name in PRODUCTION], "DATABASE_URL_FILE"], "")
    os.environ["DEBUG"] = "1"
    os.environ["DATABASE_URL"] = database or environment.sqlite_url(variables.FOLDER / "development.sqlite3")


def _prepare() -> None:
    start.require_free_port(HOST, settings.PORT)
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("demo", if_own=True)


if __name__ == "__main__":
    main(sys.argv[1:])
