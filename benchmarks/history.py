"""How long a page of history takes anywhere in a room of a million messages, and a resume of a thousand.

`python -m benchmarks.history [--messages 1000000] [--times 200]`
"""

import argparse
import sqlite3
import time
from functools import partial

import psycopg

from benchmarks.crowd import Clients, crowd
from benchmarks.rounds import Row, take_turns
from benchmarks.servers import Bench, Store

ROOM = "deep"
RESUMED = 1000
LIMIT = 2.0  # of the newest page's time
ROUNDS = 5
NUMBERS = {
    "SQLite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)",
    "PostgreSQL": "(SELECT i FROM generate_series(1, {count}) AS i)",
}
INSERT = """
    INSERT INTO rooms_message (room_id, seq, changed_seq, kind, author_id, content, created_at)
    SELECT rooms_room.id, n.i, n.i, 'chat-message', author.id, 'About fifty characters, the message of number ' || n.i,
        CURRENT_TIMESTAMP
    FROM {numbers} AS n, rooms_room, (SELECT min(id) AS id FROM accounts_user) AS author
    WHERE rooms_room.name = '{room}'
"""


def measure(bench: Bench) -> list[Row]:
    messages, times = (50_000, 20) if bench.quick else (1_000_000, 100)
    stores: list[Store] = ["SQLite"] if bench.quick else bench.stores
    return [row for store in stores for row in compare(bench, store, messages=messages, times=times)]


def compare(bench: Bench, store: Store, *, messages: int, times: int) -> list[Row]:
    with bench.ours(store) as server, crowd(server, 1) as people:
        people.run(create)
        _fill(store, server.database, messages)
        befores = {"the newest": None, "the middle": messages // 2, "the oldest": 51}
        pages = {name: partial(people.run, page, before, times) for name, before in befores.items()}
        figures = take_turns(ROUNDS, pages, "ms")
        resume = take_turns(ROUNDS, {"": partial(people.run, resume_after, messages - RESUMED)}, "ms")[""]
    newest = figures.pop("the newest")
    case = f"of {messages:,} messages, {store}"
    return [
        *(
            Row("6", f"a page at {name} {case}, against the newest", figure, newest, LIMIT)
            for name, figure in figures.items()
        ),
        Row("6", f"resume by {RESUMED:,} {case}", resume),
    ]


def _fill(store: Store, url: str, count: int) -> None:
    """Straight into the tables, and the room's head with it, while nobody is in the room."""
    insert = INSERT.format(numbers=NUMBERS[store].format(count=count), room=ROOM)
    head = f"UPDATE rooms_room SET last_seq = {count} WHERE name = '{ROOM}'"  # noqa: S608 - a number and our own name
    if store == "SQLite":
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute(insert)
            connection.execute(head)
        connection.close()
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(insert)
            connection.execute(head)
            connection.execute("VACUUM ANALYZE rooms_message")


async def create(clients: Clients) -> None:
    await clients[0].ask({"type": "create-room", "roomId": ROOM}, b'"room-created"')


async def page(clients: Clients, before: int | None, times: int) -> float:
    """Milliseconds from the question to the answer, on average."""
    place = {} if before is None else {"before": before}
    start = time.monotonic()
    for _ in range(times):
        await clients[0].ask({"type": "get-history", "roomId": ROOM, **place}, b'"message-history"')
    return (time.monotonic() - start) / times * 1000


async def resume_after(clients: Clients, seq: int) -> float:
    start = time.monotonic()
    await clients[0].join(ROOM, after=seq)
    elapsed_ms = (time.monotonic() - start) * 1000
    await clients[0].ask({"type": "leave-room", "roomId": ROOM}, b'"room-left"')
    return elapsed_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=100, help="pages read in one round")
    options = parser.parse_args()
    with Bench(people=1) as bench:
        for store in bench.stores:
            for row in compare(bench, store, **vars(options)):
                print(row)


if __name__ == "__main__":
    main()
