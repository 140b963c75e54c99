"""Six writers of one SQLite file: each waits for its turn, none fails because the database is locked."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

from tests.reliability.traffic import Counts
from tests.support.servers import Database

WRITERS, TURNS, EACH = 6, 25, 4  # each has a connection and a thread of its own, as a process has


async def test_six_writers(sqlite_url: str, django_db_blocker: Any, record: Callable[..., None]) -> None:
    with ExitStack() as opened:
        writers = [opened.enter_context(closing(Database(sqlite_url, django_db_blocker))) for _ in range(WRITERS)]
        room_id, author_id = writers[0].run(_room_and_author)
        turns = [asyncio.to_thread(one.run, _write, number, room_id, author_id) for number, one in enumerate(writers)]
        acknowledged = [seq for seqs in await asyncio.gather(*turns) for seq in seqs]
        seqs, changes = writers[0].run(_stored)
    sent = WRITERS * TURNS * EACH
    assert changes == sent + WRITERS * TURNS, "each turn also edits a message"
    lost = len(set(acknowledged) - set(seqs))
    counts = Counts(sent, len(acknowledged), len(seqs), lost, len(acknowledged) - len(set(acknowledged)), 0)
    counts.check()
    assert sent == len(acknowledged) == len(seqs)
    record("SQLite with six writers", 6, "none failed with `database is locked`", counts)


def _room_and_author() -> tuple[int, int]:
    from tests.support.factories import make_room, make_user

    return make_room().pk, make_user().pk


def _write(writer: int, room_id: int, author_id: int) -> list[int]:
    """Posts and edits by turns; raises what the database says. The seqs of what was posted."""
    from rooms.services.changes import edit_message
    from rooms.services.posting import post_messages
    from rooms.storage import NewMessage

    seqs = []
    for turn in range(TURNS):
        names = [f"{writer}-{turn}-{number}" for number in range(EACH)]
        posted = post_messages([NewMessage(room_id, author_id, name, name) for name in names])
        edit_message(message_id=posted[0].id, content="edited")
        seqs += [message.seq for message in posted]
    return seqs


def _stored() -> tuple[list[int], int]:
    from rooms.models import Message, Room

    return list(Message.objects.order_by("seq").values_list("seq", flat=True)), Room.objects.get().last_seq
