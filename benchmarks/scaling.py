"""The estimate on paper: the costs of one process multiplied to a million connections. The words are in scaling.txt."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import idle, pairs, processes, room
from benchmarks.goals import POSTGRES, SQLITE
from benchmarks.rounds import Rounds

WORDS = Path(__file__).resolve().with_name("scaling.txt")
# Assumptions, named as such in the text.
PEOPLE = 1_000_000
ROOM = 50  # members of each room
PAUSE_S = 120  # between two messages of a person
FULL = 0.7  # of a core: the most a process is loaded with
CONNECTIONS = 10_000  # of one process; the default of CHAT_MAX_CONNECTIONS
# What was measured.
PAIR = 2  # members of a room of two
SPREAD, SPREAD_MEMBERS = 2, 400  # processes that get each message from Redis, and the room's members
IDLE = 10_000


def scaling(found: Sequence[Rounds]) -> str:
    """The page's last part; empty when a figure that it stands on was not measured."""
    try:
        return WORDS.read_text(encoding="utf-8").format(**_figures(found))
    except LookupError:
        return ""


def _figures(found: Sequence[Rounds]) -> dict[str, float]:
    messages = PEOPLE / PAUSE_S
    figures = {"people": PEOPLE, "room": ROOM, "pause_s": PAUSE_S, "full": FULL, "messages": messages}
    steady, pair = room.steady(200, 200, 1).work, pairs.steady(100, 1000, 1).work
    delivering = messages * ROOM * _median(found, steady, POSTGRES, "us") / 1e6
    inbound = messages * PAIR * _median(found, pair, POSTGRES, "us") / 1e6
    heartbeats = _median(found, idle.work(IDLE, 30), SQLITE, "percent") / 100 * PEOPLE / IDLE
    by_cpu, by_connections = (delivering + inbound + heartbeats) / FULL, PEOPLE / CONNECTIONS
    count = max(by_cpu, by_connections)
    reached = count * (1 - (1 - 1 / count) ** ROOM)  # processes that have a member of a room, by chance
    spread = processes.talk(POSTGRES, SPREAD_MEMBERS, 100, 1).work
    copy_us = _median(found, spread, processes.TWO, "Redis_us") * SPREAD_MEMBERS / SPREAD
    redis = messages * reached * copy_us / 1e6
    return figures | {
        "deliveries": messages * ROOM,
        "memory_gib": _median(found, idle.work(IDLE, 30), SQLITE, "kib") * PEOPLE / 2**20,
        "heartbeats": heartbeats,
        "inbound": inbound,
        "delivering": delivering,
        "by_cpu": by_cpu,
        "by_connections": by_connections,
        "processes": count,
        "reached": reached,
        "copies": messages * reached,
        "redis": redis,
        "redis_people": PEOPLE / max(redis, 1),
        "postgres": messages * PAIR * _median(found, pair, POSTGRES, f"{POSTGRES}_us") / 1e6,
    }


def _median(found: Sequence[Rounds], work: str, side: str, key: str) -> float:
    one = {rounds.work: rounds for rounds in found}[work]
    return one.figure(side, key).median
