"""Deletes the oldest messages of rooms that hold more than CHAT_HISTORY_LIMIT, and old entries of the audit log.

May run beside serving processes.
"""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rooms.conf import conf
from rooms.models import Room
from rooms.services import audit, retention


class Command(BaseCommand):
    help = "Deletes the oldest messages above CHAT_HISTORY_LIMIT in each room, in small transactions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--room", metavar="NAME", help="Only this room.")
        parser.add_argument("--dry-run", action="store_true", help="Delete nothing; print what would be deleted.")
        parser.add_argument("--pause-ms", type=int, default=20, help="Between transactions, for other writers (20).")

    def handle(self, *args: Any, room: str | None, dry_run: bool, pause_ms: int, **options: Any) -> None:
        if not dry_run and room is None and (old := audit.prune(days=conf.CHAT_AUDIT_DAYS)):
            self.stdout.write(f"Entries of the audit log deleted: {old}, older than {conf.CHAT_AUDIT_DAYS} days.")
        keep = conf.CHAT_HISTORY_LIMIT
        if not keep:
            self.stdout.write("CHAT_HISTORY_LIMIT is 0: every message is kept.")
            return
        total = rooms = 0
        for room_id, name in _rooms(room):
            count = retention.excess(room_id=room_id, keep=keep) if dry_run else _prune(room_id, keep, pause_ms / 1000)
            if count:
                self.stdout.write(f"{name}: {count}")
                total, rooms = total + count, rooms + 1
        done = "would be deleted" if dry_run else "deleted"
        self.stdout.write(f"Messages {done}: {total}, in rooms: {rooms}. Kept in each: the newest {keep}.")


def _rooms(name: str | None) -> list[tuple[int, str]]:
    """Key and name of the rooms that may hold too many messages: a room never holds more messages than its last seq."""
    if name is not None and not Room.objects.filter(name=name).exists():
        raise CommandError(f"There is no room {name!r}.")
    rooms = Room.objects.filter(last_seq__gt=conf.CHAT_HISTORY_LIMIT).order_by("pk")
    return list((rooms if name is None else rooms.filter(name=name)).values_list("pk", "name"))


def _prune(room_id: int, keep: int, pause_s: float) -> int:
    total = 0
    for deleted in retention.prune(room_id=room_id, keep=keep):
        total += deleted
        time.sleep(max(0.0, pause_s))
    return total
