"""System checks: what is wrong with the chat's settings, or stands in its way, said at the start."""

import difflib
import inspect
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.files.storage import InvalidStorageError
from django.db import DEFAULT_DB_ALIAS, connections

from rooms import files, people
from rooms.conf import SETTINGS, conf


def register() -> None:
    for check in (settings_are_right, names_are_shown, sqlite_is_safe, sockets_are_served, files_have_a_place):
        checks.register(check, "chat")


def settings_are_right(**_: Any) -> list[checks.CheckMessage]:
    return [*_wrong(), *_unknown()]


def _wrong() -> Iterator[checks.CheckMessage]:
    for name, setting in SETTINGS.items():
        value = getattr(settings, name, setting.default)
        if (problem := setting.problem(value)) is not None:
            given = "" if setting.is_secret else f", not {value!r}"
            yield checks.Error(f"{name} {problem}{given}.", id="chat.E001")


def _unknown() -> Iterator[checks.CheckMessage]:
    for name in dir(settings):
        if name.startswith("CHAT_") and name not in SETTINGS:
            close = difflib.get_close_matches(name, SETTINGS, n=1)
            hint = f"Did you mean {close[0]}?" if close else "docs/configuration.md lists the settings of the chat."
            yield checks.Warning(f"{name} is no setting of the chat.", hint=hint, id="chat.W001")


def names_are_shown(**_: Any) -> list[checks.CheckMessage]:
    """Without a username others see the full name, or what stands before the @ of an address."""
    if people.NAME_FIELD is not None or getattr(settings, "CHAT_DISPLAY_NAME", None):
        return []
    text = "Your user model has no username that others may see."
    hint = "Set CHAT_DISPLAY_NAME to a function of a user; else it is the full name, or an address up to its @."
    return [checks.Warning(text, hint=hint, id="chat.W002")]


def sqlite_is_safe(**_: Any) -> list[checks.CheckMessage]:
    """With Django's defaults a third of contended transactions failed with "database is locked"."""
    database = connections[DEFAULT_DB_ALIAS]
    options = database.settings_dict["OPTIONS"]
    if database.vendor != "sqlite" or options.get("transaction_mode") == "IMMEDIATE":
        return []
    hint = (
        'OPTIONS: {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": '
        '"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}'
    )
    return [checks.Warning("SQLite will refuse some messages while others are stored.", hint=hint, id="chat.W003")]


def sockets_are_served(**_: Any) -> list[checks.CheckMessage]:
    """`runserver` and `get_asgi_application` alone serve no sockets."""
    if getattr(settings, "ASGI_APPLICATION", None):
        return []
    hint = "Wrap the application in asgi.py by rooms.routing.with_chat, and name it in ASGI_APPLICATION."
    text = "ASGI_APPLICATION is not set: pages open, and no message arrives."
    return [checks.Warning(text, hint=hint, id="chat.W004")]


def files_have_a_place(**_: Any) -> list[checks.CheckMessage]:
    """Whether the storage of files is there, and can do what it is asked for."""
    try:
        place = files.storage()
    except InvalidStorageError as error:
        return [checks.Error(f"CHAT_FILE_STORAGE: {error}", id="chat.E002")]
    if conf.CHAT_FILE_REDIRECTS and "expire" not in inspect.signature(place.url).parameters:
        hint = "docs/files.md says what a storage must have; without CHAT_FILE_REDIRECTS any will do."
        text = "CHAT_FILE_REDIRECTS needs a storage whose addresses end: its `url` takes `parameters` and `expire`."
        return [checks.Error(text, hint=hint, id="chat.E003")]
    return []
