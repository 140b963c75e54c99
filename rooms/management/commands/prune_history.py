"""Deletes the oldest messages of rooms that hold more than CHAT_HISTORY_LIMIT, earlier versions of messages, old
reports and audit entries.

May run beside serving processes.
"""

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rooms.conf import conf
from rooms.models import Room
from rooms.services import audit, edits, reports, retention, sweeping


class Command(BaseCommand):
    help = (
        "Deletes the oldest messages above CHAT_HISTORY_LIMIT in each room, reports that were settled more than "
        "CHAT_REPORT_DAYS ago, earlier versions of messages and old entries of the audit log, in small transactions."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--room", metavar="NAME", help="Only this room.")
        parser.add_argument("--dry-run", action="store_true", help="Delete nothing; print what would be deleted.")
        parser.add_argument("--pause-ms", type=int, default=20, help="Between transactions, for other writers (20).")

    def handle(self, *args: Any, room: str | None, dry_run: bool, pause_ms: int, **options: Any) -> None:
        if room is None:
            self._prune_reports(dry_run, pause_ms / 1000)
            self._prune_versions(dry_run, pause_ms / 1000)
            self._prune_audit(dry_run)
        self._prune_messages(room, dry_run, pause_ms / 1000)
        self._prune_files(dry_run, pause_ms / 1000)

    def _prune_reports(self, dry_run: bool, pause_s: float) -> None:
        days = conf.CHAT_REPORT_DAYS
        if not days:
            return
        count = reports.outdated(days=days) if dry_run else _total(reports.prune(days=days), pause_s)
        if count:
            done = "would be deleted" if dry_run else "deleted"
            self.stdout.write(f"Reports {done}: {count}, settled more than {days} days ago.")

    def _prune_versions(self, dry_run: bool, pause_s: float) -> None:
        days = conf.CHAT_EDIT_HISTORY_DAYS
        if not days:
            return
        count = edits.outdated(days=days) if dry_run else _total(edits.prune(days=days), pause_s)
        if count:
            done = "would be deleted" if dry_run else "deleted"
            self.stdout.write(f"Earlier versions of messages {done}: {count}, replaced more than {days} days ago.")

    def _prune_audit(self, dry_run: bool) -> None:
        days = conf.CHAT_AUDIT_DAYS
        if days and not dry_run and (count := audit.prune(days=days)):
            self.stdout.write(f"Entries of the audit log deleted: {count}, older than {days} days.")

    def _prune_files(self, dry_run: bool, pause_s: float) -> None:
        """Those of the messages deleted just now, and others: what serves the chat does the same each minute."""
        count = sweeping.unneeded() if dry_run else _total(sweeping.sweep(), pause_s)
        if count:
            done = "would be deleted" if dry_run else "deleted"
            self.stdout.write(f"Files {done}: {count}, which no message has.")

    def _prune_messages(self, room: str | None, dry_run: bool, pause_s: float) -> None:
        keep = conf.CHAT_HISTORY_LIMIT
        if not keep:
            self.stdout.write("CHAT_HISTORY_LIMIT is 0: every message is kept.")
            return
        total = rooms = 0
        for room_id, name in _rooms(room):
            if dry_run:
                count = retention.excess(room_id=room_id, keep=keep)
            else:
                count = _total(retention.prune(room_id=room_id, keep=keep), pause_s)
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


def _total(steps: Iterator[int], pause_s: float) -> int:
    """How many rows these steps delete, with a pause after each."""
    total = 0
    for deleted in steps:
        total += deleted
        time.sleep(max(0.0, pause_s))
    return total
