"""One side of a comparison: a server with its load client; and how several sides are led through the same loads."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks import floor
from benchmarks.goals import PEER, Metric, Row, rows
from benchmarks.load import Load, Result, load
from benchmarks.rounds import Rounds, take_turns
from benchmarks.servers import Bench, Server, Servers

FULL = "SQLite, synchronous=FULL"
MESSAGE_CHARS = 50


@dataclass
class Side:
    server: Server
    load: Load

    def run(self, command: str) -> Result:
        """What the client found, and the CPU of the server and of its stores, also in microseconds a delivery."""
        cpu_s, stores_s = self.server.cpu_s(), self.server.stores_cpu_s()
        found = self.load.run(command)
        cpu_s = self.server.cpu_s() - cpu_s
        found |= {"cpu_s": cpu_s, "server_busy": cpu_s / found["seconds"]}
        found["client_busy"] = found["client_cpu_s"] / found["seconds"]
        if deliveries := found.get("deliveries"):
            found["us"] = cpu_s / deliveries * 1e6
            for name, after_s in self.server.stores_cpu_s().items():
                found[f"{name}_us"] = (after_s - stores_s[name]) / deliveries * 1e6
        return found


@dataclass(frozen=True)
class Talk:
    """A load: what it is called, the load client's command, what is promised, and the options that ask for it alone."""

    work: str
    command: str
    metrics: Sequence[Metric]
    options: str = ""


def closed(in_flight: int, seconds: float) -> str:
    return f"closed {in_flight} {seconds} {MESSAGE_CHARS}"


def one_by_one(seconds: float) -> str:
    """One in flight. An ack is not waited for alone: the peer sends it before it sends the message to the members."""
    return f"whole 1 {seconds} {MESSAGE_CHARS}"


def at_rate(rate: float, seconds: float) -> str:
    return f"open {rate} {seconds} {MESSAGE_CHARS}"


@contextmanager
def side(bench: Bench, server: AbstractContextManager[Server], accept: str = "") -> Iterator[Side]:
    with server as running, load(bench.client, running.ports, running.tokens, accept) as client:
        yield Side(running, client)


@contextmanager
def in_rooms(
    bench: Bench, servers: Servers, people: int, rooms: int = 1, accept: str = ""
) -> Iterator[dict[str, Side]]:
    """All servers side by side, each with the same people in the same rooms."""
    with ExitStack() as stack:
        sides = {name: stack.enter_context(side(bench, server, accept)) for name, server in servers.items()}
        for one in sides.values():
            one.load.connect(people)
            one.load.join("room", people, rooms)
        yield sides


def take(bench: Bench, sides: Mapping[str, Side], talk: Talk, *, rounds: int, command: str) -> Rounds:
    """Leads the sides through one load, in turns; `command` is the module's, which measures it alone."""
    floor_us = floor.measure()
    results = take_turns(rounds, {name: partial(one.run, talk.command) for name, one in sides.items()})
    found = Rounds(talk.work, f"{command} {talk.options}".strip(), floor_us, results)
    bench.keep(found)
    return found


def compare(
    bench: Bench, sides: Mapping[str, Side], talks: Sequence[Talk], *, rounds: int, command: str, peer: str = PEER
) -> list[Row]:
    """Our stores against the peer in each of these loads."""
    found = ((talk, take(bench, sides, talk, rounds=rounds, command=command)) for talk in talks)
    return [row for talk, what in found for row in rows(what, talk.metrics, peer=peer)]


def our_stores(bench: Bench) -> Servers:
    """Our server on each store; in a quick run on SQLite alone."""
    return {store: bench.ours(store) for store in (bench.stores[:1] if bench.quick else bench.stores)}


def run_alone(run: Callable[..., list[Row]], doc: str | None, *, members: int, rate: float, seconds: float) -> None:
    """A benchmark of one room from the command line, with these defaults; prints its rows."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--members", type=int, default=members)
    parser.add_argument("--rate", type=float, default=rate, help="messages a second")
    parser.add_argument("--seconds", type=float, default=seconds, help="of one round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with Bench(people=options.members) as bench:
        print(*run(bench, **vars(options)), sep="\n")
