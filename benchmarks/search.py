"""How long a search takes in a million messages, and how fast the search learns them.

`python -m benchmarks.search [--messages 1000000] [--times 50] [--store SQLite]`

Half of the messages are in one large room, the others in a thousand small ones. `the` is in most of them, `wN` in ever
fewer: the frequency of a word is that of its rank, as in any language.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

SMALL_ROOMS, WORDS, WORDS_A_MESSAGE = 1_000, 50_000, 12
AT_ONCE = 10_000
START = datetime(2026, 1, 1, tzinfo=UTC)
QUERIES = {
    "the commonest word": "the",
    "two common words": "w1 w2",
    "a phrase of common words": '"w1 w2"',
    "a word of 1 in 1,000": "w90",
    "a rare word": "w40000",
    "two characters of Chinese": "北京",
    "nothing": "neverwritten",
    "the commonest, before a day": "the before:2026-01-03",
}


def contents(count: int) -> Iterator[str]:
    dice = random.Random(7)
    names = [f"w{n}" for n in range(WORDS)]
    weights = list(accumulate(1 / (n + 3) for n in range(WORDS)))
    for n in range(count):
        words = dice.choices(names, cum_weights=weights, k=WORDS_A_MESSAGE)
        yield " ".join([*words, *(["the"] if n % 3 else []), *(["我们明天去北京开会"] if n % 500 == 0 else [])])


def fill(count: int) -> dict[str, Any]:
    """The messages, and a member of one small room, of the large one, and of all."""
    from django.contrib.auth import get_user_model
    from django.db import transaction

    from rooms.models import Membership, Message, Room

    users = get_user_model().objects.bulk_create([get_user_model()(username=f"user{n}") for n in range(3)])
    names = ["large", *(f"small{n}" for n in range(SMALL_ROOMS))]
    rooms = Room.objects.bulk_create([Room(name=name, name_key=name, name_shape=name) for name in names])
    members = {"small": rooms[1:2], "large": rooms[:1], "all": rooms}
    for user, joined in zip(users, members.values(), strict=True):
        Membership.objects.bulk_create([Membership(room=room, user=user) for room in joined])
    seqs = dict.fromkeys([room.pk for room in rooms], 0)
    batch = []
    for n, content in enumerate(contents(count)):
        room_id = rooms[0].pk if n % 2 else rooms[1 + n // 2 % SMALL_ROOMS].pk
        seqs[room_id] += 1
        at, seq = START + timedelta(seconds=n), seqs[room_id]
        batch.append(
            Message(room_id=room_id, seq=seq, changed_seq=seq, author=users[2], content=content, created_at=at)
        )
        if len(batch) == AT_ONCE or n == count - 1:
            with transaction.atomic():
                Message.objects.bulk_create(batch)
            batch = []
    for room_id, last_seq in seqs.items():
        Room.objects.filter(pk=room_id).update(last_seq=last_seq)
    return dict(zip(members, users, strict=True))


def index(count: int) -> None:
    from rooms.services import search

    began, cpu = time.monotonic(), time.process_time()
    while behind := search.rooms_behind():
        for room_id in behind:
            while search.index_room(room_id=room_id):
                pass
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    print(f"indexed {count:,} messages, {count / wall:,.0f}/s, {cpu / count * 1e6:.0f} us of this process each")


def measure(users: dict[str, Any], times: int) -> None:
    from rooms.services.search import search_messages

    print("| search | member of | found | p50 ms | p95 ms |\n|---|---|--:|--:|--:|")
    for label, query in QUERIES.items():
        for member, user in users.items():
            taken, found = [], 0
            for _ in range(times):
                began = time.perf_counter()
                found = len(search_messages(user_id=user.pk, query=query).results)
                taken.append((time.perf_counter() - began) * 1000)
            p95 = statistics.quantiles(taken, n=20)[-1]
            print(f"| {label} | {member} | {found} | {statistics.median(taken):.1f} | {p95:.1f} |", flush=True)


def run(url: str, messages: int, times: int) -> None:
    import django
    from django.core.management import call_command
    from django.db import connection

    os.environ |= {"DJANGO_SETTINGS_MODULE": "chatsite.settings", "DEBUG": "0", "DATABASE_URL": url}
    os.environ |= {"SECRET_KEY": "of a benchmark, " * 4, "JWT_SECRET": "of the same one, " * 4, "CHAT_ENV_FILE": ""}
    django.setup()
    call_command("migrate", verbosity=0)
    users = fill(messages)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE chat_rooms_message")
    index(messages)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE chat_rooms_words")
    measure(users, times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=50, help="of each search")
    parser.add_argument("--store", choices=["SQLite", "PostgreSQL"], default="SQLite")
    options = parser.parse_args()
    if options.store == "SQLite":
        with tempfile.TemporaryDirectory() as folder:
            run(f"sqlite:///{Path(folder) / 'search.sqlite3'}", options.messages, options.times)
        return
    from tests.support.services import Postgres

    postgres = Postgres()
    try:
        run(postgres.new_database(), options.messages, options.times)
    finally:
        postgres.close()


if __name__ == "__main__":
    main()
