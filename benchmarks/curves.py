"""How the cost of a delivery grows with the members of a room, with the number of rooms, and with a message's size.

`python -m benchmarks.curves [--people 5000] [--rounds 3]`
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from benchmarks.crowd import Talk, crowd, enter
from benchmarks.rounds import Figure, take_turns
from benchmarks.servers import Bench
from benchmarks.sides import Side

OURS, PEER = "ours, SQLite", "Node, no storage"
PEOPLE = 5000
MEMBERS = (50, 200, 1000, 5000)
ROOMS = (1, 10, 100, 1000)
SIZES = (50, 250, 1000, 4000, 16_000)  # the last a little under 16 KiB, for what is around the text
SIZE_MEMBERS = 100
DELIVERIES_A_SECOND = 20_000  # in one room; with rooms of two the inbound messages are what costs
MESSAGES_A_SECOND = 200
PAIR_MESSAGES_A_SECOND = 500
SECONDS = 2.0  # of one round


@dataclass(frozen=True)
class Curve:
    """`points` are the figures of each side at each x."""

    title: str
    x_label: str
    xs: tuple[int, ...]
    points: dict[str, tuple[Figure, ...]]


def measure(bench: Bench) -> list[Curve]:
    return compare(bench, people=PEOPLE, rounds=3)


def compare(bench: Bench, *, people: int, rounds: int) -> list[Curve]:
    """The curves as far as so many people go. The limits on text and rooms are out of the way on our side."""
    servers = {OURS: bench.ours(CHAT_MAX_CONTENT_CHARS="0", CHAT_MAX_ROOMS_PER_CONNECTION="0")}
    if bench.peer_is_there:
        servers[PEER] = bench.peer("--quiet-joins")
    with ExitStack() as stack:
        sides = {}
        for name, server in servers.items():
            running = stack.enter_context(server)
            sides[name] = Side(running, stack.enter_context(crowd(running, people)))
        return [_curve(sides, rounds, *plan) for plan in _plans(people)]


@dataclass(frozen=True)
class Point:
    x: int
    seats: Sequence[str]  # the room of the first client, of the second, and so on
    talk: Talk


def _plans(people: int) -> Iterator[tuple[str, str, list[Point]]]:
    def one_room(x: int, members: int, size: int = 50) -> Point:
        room, rate = f"room-{members}-{size}", min(MESSAGES_A_SECOND, DELIVERIES_A_SECOND / members)
        return Point(x, [room] * members, Talk([room], max(4, int(rate * SECONDS)), rate, size))

    def pairs(rooms: int) -> Point:
        names = [f"pair-{number}" for number in range(rooms)]
        rate = PAIR_MESSAGES_A_SECOND
        return Point(rooms, names * 2, Talk(names, int(rate * SECONDS), rate))

    def reached(xs: tuple[int, ...], most: int) -> list[int]:
        return [x for x in xs if x <= most]

    yield "members of one room", "members", [one_room(members, members) for members in reached(MEMBERS, people)]
    yield "rooms of two", "rooms", [pairs(rooms) for rooms in reached(ROOMS, people // 2)]
    yield "size of a message", "bytes", [one_room(size, SIZE_MEMBERS, size) for size in SIZES]


def _curve(sides: dict[str, Side], rounds: int, title: str, x_label: str, points: list[Point]) -> Curve:
    found: dict[str, list[Figure]] = {name: [] for name in sides}
    for point in points:
        for one in sides.values():
            one.crowd.run(enter, point.seats)
        turns = take_turns(rounds, {name: partial(one.talk, point.talk) for name, one in sides.items()}, "us")
        for name, figure in turns.items():
            found[name].append(figure)
        print(f"   {title}, {point.x:,} {x_label}: " + "; ".join(f"{name} {turns[name]}" for name in turns), flush=True)
    return Curve(title, x_label, tuple(point.x for point in points), {name: tuple(f) for name, f in found.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with Bench(people=options.people) as bench:
        compare(bench, **vars(options))


if __name__ == "__main__":
    main()
