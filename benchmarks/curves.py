"""How the capacity grows and shrinks with the members of a room, with the number of rooms, and with a message's size.

`python -m benchmarks.curves [--people 5000] [--seconds 1.2] [--rounds 1]`
"""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from benchmarks.goals import PEER, SQLITE
from benchmarks.rounds import Figure, take_turns
from benchmarks.servers import Bench
from benchmarks.sides import MESSAGE_CHARS, Side, side

PEOPLE = 5000
MEMBERS = (50, 200, 1000, 5000)
ROOMS = (1, 10, 100, 1000)
SIZES = (50, 250, 1000, 4000, 16_000)  # the last a little under 16 KiB, for what is around the text
SIZE_MEMBERS = 100
IN_FLIGHT, PAIRS_IN_FLIGHT, SIZE_IN_FLIGHT = 32, 64, 8  # the last: large ones fill a member's outbox sooner


@dataclass(frozen=True)
class Curve:
    """`points` are the figures of each side at each x."""

    title: str
    x_label: str
    xs: tuple[int, ...]
    points: dict[str, tuple[Figure, ...]]


@dataclass(frozen=True)
class Point:
    """Members, the rooms they are spread over, and how many messages of what size are in flight."""

    x: int
    members: int
    rooms: int
    in_flight: int
    size: int = MESSAGE_CHARS


def measure(bench: Bench) -> list[Curve]:
    return run(bench, people=PEOPLE, seconds=1.2, rounds=1)


def run(bench: Bench, *, people: int, seconds: float, rounds: int) -> list[Curve]:
    """The curves as far as this many people go. The limits on text and rooms are out of the way on our side."""
    servers = {SQLITE: bench.ours(CHAT_MAX_CONTENT_CHARS="0", CHAT_MAX_ROOMS_PER_CONNECTION="0")}
    if bench.has_peer:
        servers[PEER] = bench.peer("--quiet-joins")
    with ExitStack() as stack:
        sides = {name: stack.enter_context(side(bench, server)) for name, server in servers.items()}
        for one in sides.values():
            one.load.connect(people)
        return [_curve(sides, seconds, rounds, plan) for plan in _plans(people)]


@dataclass(frozen=True)
class Plan:
    title: str
    x_label: str
    points: list[Point]


def _plans(people: int) -> Iterator[Plan]:
    yield Plan("members of one room", "members", [Point(n, n, 1, IN_FLIGHT) for n in MEMBERS if n <= people])
    yield Plan("rooms of two", "rooms", [Point(n, 2 * n, n, PAIRS_IN_FLIGHT) for n in ROOMS if 2 * n <= people])
    yield Plan("size of a message", "bytes", [Point(n, SIZE_MEMBERS, 1, SIZE_IN_FLIGHT, n) for n in SIZES])


def _curve(sides: dict[str, Side], seconds: float, rounds: int, plan: Plan) -> Curve:
    found: dict[str, list[Figure]] = {name: [] for name in sides}
    for point in plan.points:
        for one in sides.values():
            one.load.join(f"curve-{point.members}-{point.rooms}-{point.size}", point.members, point.rooms)
        command = f"closed {point.in_flight} {seconds} {point.size}"
        turns = take_turns(rounds, {name: partial(one.run, command) for name, one in sides.items()})
        for name, results in turns.items():
            found[name].append(Figure(tuple(result["deliveries_s"] for result in results), "/s"))
        words = "; ".join(f"{name} {found[name][-1]}" for name in sides)
        print(f"   {plan.title}, {point.x:,} {plan.x_label}: {words}", flush=True)
    return Curve(
        plan.title, plan.x_label, tuple(point.x for point in plan.points), {name: tuple(f) for name, f in found.items()}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--seconds", type=float, default=1.2, help="of one round")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    with Bench(people=options.people) as bench:
        run(bench, **vars(options))


if __name__ == "__main__":
    main()
