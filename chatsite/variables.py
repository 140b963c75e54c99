"""Which environment variables there are, and the file that may hold them. What they mean is in chatsite.settings."""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from rooms import conf

FOLDER = Path(__file__).resolve().parent.parent
SITE = {
    "ALLOWED_HOSTS",
    "CHAT_ENV_FILE",
    "CHAT_FILES_DIR",
    "CHAT_HOST",
    "CHAT_HTTPS",
    "CHAT_PREPARED_STATEMENTS",
    "CHAT_SQLITE_SYNCHRONOUS",
    "CHAT_TRUSTED_PROXIES",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_URL",
    "DEBUG",
    "DEFAULT_FROM_EMAIL",
    "DEVELOPMENT_DATABASE_URL",
    "EMAIL_URL",
    "JWT_SECRET",
    "LOG_DIR",
    "LOG_LEVEL",
    "PORT",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_URL",
    "SECRET_KEY",
    "WORKERS",
}
VALUES = SITE | set(conf.SETTINGS) - {"CHAT_REDIS_URL"}  # that one is set by REDIS_URL
NAMES = VALUES | {f"{name}_FILE" for name in VALUES}  # any value may be the content of a file
LINE = re.compile(r"(?:export )?(\w+)=.*", re.ASCII)


def read_file() -> list[str]:
    """Sets the variables of CHAT_ENV_FILE, or of `.env` if there is one, that are not set already; returns the names.

    Raises ImproperlyConfigured for a file that was asked for and is missing, and for a line that sets nothing.
    """
    name = os.environ.get("CHAT_ENV_FILE", ".env")
    path = FOLDER / name
    if not name or ("CHAT_ENV_FILE" not in os.environ and not path.exists()):
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors on Windows begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ImproperlyConfigured(f"The settings in {path} cannot be read: {reason}.") from None
    names = [_name(line, f"{path}, line {number}") for number, line in enumerate(text.splitlines(), start=1)]
    environ.Env.read_env(StringIO(text))
    return [name for name in names if name]


def _name(line: str, place: str) -> str | None:
    """The variable that a line sets; None for an empty one and a comment. Errors repeat no line: it may be secret."""
    if not line or line.startswith("#"):
        return None
    if found := LINE.fullmatch(line):
        return found[1]
    raise ImproperlyConfigured(f"{place}: write NAME=value, without spaces around the name.")


def unknown(file_names: Iterable[str]) -> list[str]:
    """A sentence for each variable CHAT_… and each name in the file that nothing reads."""
    given = {name for name in os.environ if name.upper().startswith("CHAT_")} | set(file_names)
    return [_sentence(name) for name in sorted(given - NAMES)]


def _sentence(name: str) -> str:
    likely = get_close_matches(name.upper(), sorted(NAMES), n=1, cutoff=0.8)
    return (
        f"{name} is unknown: did you mean {likely[0]}?" if likely else f"{name} is unknown: the chat does not read it."
    )
