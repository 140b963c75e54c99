"""How long a page of history takes anywhere in a room of a million messages, and a resume of a thousand.

`python -m benchmarks.history [--messages 1000000] [--times 100]`
"""

import argparse
import json
import sqlite3
from functools import partial

import psycopg

from benchmarks import floor
from benchmarks.goals import Goal, Metric, Row
from benchmarks.load import Result
from benchmarks.rounds import Rounds, take_turns
from benchmarks.servers import Bench, Store
from benchmarks.sides import Side, side

ROOM = "deep"
RESUMED = 1000
LIMIT = 1.2  # of the newest page's time
P50 = "p50_ms"
ROUNDS = 5
NUMBERS = {
    "SQLite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)",
    "PostgreSQL": "(SELECT i FROM generate_series(1, {count}) AS i)",
}
INSERT = """
    INSERT INTO chat_rooms_message (room_id, seq, changed_seq, kind, author_id, content, created_at)
    SELECT chat_rooms_room.id, n.i, n.i, 'chat-message', author.id,
        'About fifty characters, the message of number ' || n.i,
        CURRENT_TIMESTAMP
    FROM {numbers} AS n, chat_rooms_room, (SELECT min(id) AS id FROM chat_accounts_user) AS author
    WHERE chat_rooms_room.name = '{room}'
"""


def measure(bench: Bench) -> list[Row]:
    messages, times = (50_000, 20) if bench.quick else (1_000_000, 100)
    stores: list[Store] = ["SQLite"] if bench.quick else bench.stores
    return [row for store in stores for row in run(bench, store, messages=messages, times=times)]


def run(bench: Bench, store: Store, *, messages: int, times: int) -> list[Row]:
    command = f"python -m benchmarks.history --messages {messages} --times {times}"
    with side(bench, bench.ours(store)) as one:
        one.load.connect(1)
        _ask(one, 1, "room-created", type="create-room", roomId=ROOM)
        _fill(store, one.server.database, messages)
        turns = {
            "the newest page": partial(_page, one, times),
            "the middle": partial(_page, one, times, before=messages // 2),
            "the oldest page": partial(_page, one, times, before=51),
            f"resume by {RESUMED:,}": partial(_resume, one, messages - RESUMED),
        }
        found = Rounds(f"{messages:,} messages, {store}", command, floor.measure(), take_turns(ROUNDS, turns))
    bench.keep(found)
    return [_row(found, place, store) for place in ("the middle", "the oldest page")]


def _row(found: Rounds, place: str, store: Store) -> Row:
    newest = "the newest page"
    ours, other = found.figure(place, P50, "ms"), found.figure(newest, P50, "ms")
    return Row(found.work, Metric(P50, f"p50 of {place}", "ms", Goal(LIMIT)), store, ours, newest, other)


def _ask(one: Side, times: int, answer: str, **command: object) -> Result:
    found = one.load.run(f'ask {times} "{answer}" {json.dumps(command)}')
    return {"p50_ms": found["answer_p50_ms"], "p99_ms": found["answer_p99_ms"]}


def _page(one: Side, times: int, **place: int) -> Result:
    return _ask(one, times, "message-history", type="get-history", roomId=ROOM, **place)


def _resume(one: Side, after: int) -> Result:
    found = _ask(one, 1, "message-history", type="join-room", roomId=ROOM, after=after)
    _ask(one, 1, "room-left", type="leave-room", roomId=ROOM)
    return found


def _fill(store: Store, url: str, count: int) -> None:
    """Straight into the tables, and the room's head with it, while nobody is in the room."""
    insert = INSERT.format(numbers=NUMBERS[store].format(count=count), room=ROOM)
    head = f"UPDATE chat_rooms_room SET last_seq = {count} WHERE name = '{ROOM}'"  # noqa: S608 - a number and our own name
    if store == "SQLite":
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute(insert)
            connection.execute(head)
        connection.close()
    else:
        with psycopg.connect(url, autocommit=True) as postgres:
            postgres.execute(insert)
            postgres.execute(head)
            postgres.execute("VACUUM ANALYZE chat_rooms_message")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=100, help="pages read in one round")
    options = parser.parse_args()
    with Bench(people=1) as bench:
        for store in bench.stores:
            for row in run(bench, store, **vars(options)):
                print(row)


if __name__ == "__main__":
    main()
