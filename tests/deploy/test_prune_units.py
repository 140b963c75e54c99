"""The timer's service does what it says: its commands exist and delete what is too old, hardened as the chat is."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from typing import Any

from tests.support.servers import PROJECT, Database

UNITS = PROJECT / "deploy/systemd"
COMMAND = re.compile(r"^ExecStart=/srv/chat/\.venv/bin/python (.+)$", re.MULTILINE)
HARDENED = re.compile(r"^(?:Protect|Private|Restrict|SystemCall|NoNew|Capability|Lock|UMask)\w+=.*$", re.MULTILINE)


def _unit(name: str) -> str:
    return (UNITS / name).read_text()


def test_its_commands_delete_what_is_too_old(sqlite_url: str, django_db_blocker: Any) -> None:
    database = Database(sqlite_url, django_db_blocker)
    database.run(_fill)
    commands = COMMAND.findall(_unit("chat-prune.service"))
    assert len(commands) == 2
    for command in commands:
        env = os.environ | {"DATABASE_URL": sqlite_url, "CHAT_HISTORY_LIMIT": "3"}
        subprocess.run([sys.executable, *command.split()], cwd=PROJECT, env=env, check=True, capture_output=True)
    assert database.run(_left) == (3, 1)
    database.close()


def _fill() -> None:
    """Five messages in one room; one session that has expired, and one that has not."""
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    from rooms.services.posting import post_messages
    from rooms.storage import NewMessage
    from tests.support.factories import make_room, make_user

    room_id, author_id = make_room().pk, make_user().pk
    post_messages([NewMessage(room_id, author_id, f"{number}") for number in range(5)])
    for key, days in (("old", -1), ("new", 1)):
        Session.objects.create(session_key=key, expire_date=timezone.now() + timedelta(days=days))


def _left() -> tuple[int, int]:
    from django.contrib.sessions.models import Session

    from rooms.models import Message

    return Message.objects.count(), Session.objects.count()


def test_it_is_hardened_as_the_chat_is() -> None:
    assert HARDENED.findall(_unit("chat-prune.service")) == HARDENED.findall(_unit("chat@.service"))


def test_the_timer_starts_the_service_that_has_its_name() -> None:
    assert (UNITS / "chat-prune.service").exists()
    assert "\nUnit=" not in _unit("chat-prune.timer")
    assert "\nOnCalendar=" in _unit("chat-prune.timer")
