"""The argument on paper: the costs of one process multiplied to a million connections. The words are in scaling.txt."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.rounds import Row

WORDS = Path(__file__).resolve().with_name("scaling.txt")
# Assumptions, named as such in the text.
PEOPLE = 1_000_000
ROOM = 50  # members of each room
PAUSE_S = 120  # each person writes once in so long
FULL = 0.7  # of a core: what a process is given to do at most
CONNECTIONS = 10_000  # of one process; the default of CHAT_MAX_CONNECTIONS
# What the rows were measured with.
PAIR = 2  # members of a room of two
SPREAD = 2  # processes that Redis told of each message


def scaling(rows: Sequence[Row]) -> str:
    """The page's last part; empty when a figure that it stands on was not measured."""
    delivery = _find(rows, "1", "PostgreSQL")
    pair = _find(rows, "3", "PostgreSQL")
    memory, beat = _find(rows, "5", "memory"), _find(rows, "5", "heartbeat")
    spread = _find(rows, "7", "Redis")
    if not (delivery and pair and memory and beat and spread):
        return ""
    messages = PEOPLE / PAUSE_S
    delivering = messages * ROOM * delivery.ours.median / 1e6
    inbound = messages * PAIR * pair.ours.median / 1e6
    heartbeats = beat.ours.median / 100 * PEOPLE / _number(beat.case, "idle")
    by_cpu, by_connections = (delivering + inbound + heartbeats) / FULL, PEOPLE / CONNECTIONS
    processes = max(by_cpu, by_connections)
    reached = processes * (1 - (1 - 1 / processes) ** ROOM)  # processes that have a member of a room, by chance
    copy_us = spread.stores_us["Redis"] * _number(spread.case, "members") / SPREAD
    redis = messages * reached * copy_us / 1e6
    return WORDS.read_text(encoding="utf-8").format(
        people=PEOPLE,
        room=ROOM,
        pause_s=PAUSE_S,
        full=FULL,
        messages=messages,
        deliveries=messages * ROOM,
        memory_gib=memory.ours.median * PEOPLE / 2**20,
        heartbeats=heartbeats,
        inbound=inbound,
        delivering=delivering,
        by_cpu=by_cpu,
        by_connections=by_connections,
        processes=processes,
        reached=reached,
        copies=messages * reached,
        redis=redis,
        redis_people=PEOPLE / redis if redis else PEOPLE,
        postgres=messages * PAIR * pair.stores_us["PostgreSQL"] / 1e6,
    )


def _find(rows: Sequence[Row], goal: str, words: str) -> Row | None:
    return next((row for row in rows if row.goal == goal and words in row.case), None)


def _number(case: str, before: str) -> int:
    """The number that stands before a word."""
    return int(case.partition(f" {before}")[0].split()[-1].replace(",", ""))
