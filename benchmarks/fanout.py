"""What one delivery costs the server: one room, a frame for each message or batches, every message stored before.

`python -m benchmarks.fanout [--members 200] [--rate 200] [--seconds S] [--rounds 5] [--batch]`
"""

import argparse
import asyncio
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.crowd import TIMED, Clients, Talk, crowd, enter
from benchmarks.rounds import Figure, Row, take_turns
from benchmarks.servers import Bench, Server
from benchmarks.sides import Side, side

PEER = "Node"
ROOM = "bench"
BATCH = "message-batch"
LIMITS = {False: 0.85, True: 1.0}  # of the peer's CPU for each delivery: a frame a message, batches
SECONDS = {False: 4.0, True: 10.0}  # of one round: batches find their pace in its first second (rooms.delivery.pace)
FIRST_MESSAGE_MS = 5.0
PAUSE_S = 0.3  # three times the peer's interval: by then a room is idle


@dataclass(frozen=True)
class Load:
    members: int
    rate: float  # messages a second
    seconds: float
    rounds: int
    batch: bool = False

    @property
    def talk(self) -> Talk:
        return Talk([ROOM], int(self.rate * self.seconds), self.rate)


def loads(quick: bool) -> list[Load]:
    """200 members hear 40,000 messages a second, 1,000 members 50,000: half a core of clients."""
    if quick:
        return [Load(200, 200, 1, 2, batch) for batch in (False, True)]
    sizes = ((200, 200), (1000, 50))
    return [Load(members, rate, SECONDS[batch], 5, batch) for members, rate in sizes for batch in (False, True)]


def measure(bench: Bench) -> list[Row]:
    rows = [row for load in loads(bench.quick) for row in compare(bench, load)]
    return [*rows, *first_message(bench)]


def compare(bench: Bench, load: Load) -> list[Row]:
    """Ours with each store and layer, and the peer, in turns."""
    accept = BATCH if load.batch else ""
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(side(server, [ROOM] * load.members, accept))
            for name, server in _servers(bench, load).items()
        }
        figures = take_turns(load.rounds, {name: partial(one.talk, load.talk) for name, one in sides.items()}, "us")
        peer = figures.pop(PEER, None)
        if peer:
            print(f"   {PEER}: {peer}, {sides[PEER].told()}")
        return [_row(load, name, figure, peer, sides[name]) for name, figure in figures.items()]


def _servers(bench: Bench, load: Load) -> dict[str, AbstractContextManager[Server]]:
    servers = {store: bench.ours(store) for store in (["SQLite"] if bench.quick else bench.stores)}
    if bench.has_redis and not (bench.quick and load.batch):
        servers |= {
            f"{store}, Redis": bench.ours(store, redis=True) for store in bench.stores[-1 if bench.quick else 0 :]
        }
    if bench.peer_is_there:
        servers[PEER] = bench.peer("--quiet-joins", *(["--batch"] if load.batch else []))
    return servers


def _row(load: Load, name: str, ours: Figure, peer: Figure | None, seen: Side) -> Row:
    note = seen.told()
    if load.batch and seen.heard[-1].frames == seen.heard[-1].deliveries:
        note += ", no batch ever came"
    goal, what = ("2", "batches") if load.batch else ("1", "a frame a message")
    limit = LIMITS[load.batch] if peer else None
    return Row(goal, f"CPU of a delivery, {what}, {load.members:,} members, {name}", ours, peer, limit, note)


# --- The first message of an idle room --------------------------------------------------------------------------------
def first_message(bench: Bench) -> list[Row]:
    """Its delay for clients that take batches; the peer's waits for its timer."""
    times = 3 if bench.quick else 40
    servers = {"SQLite": bench.ours()}
    if bench.peer_is_there:
        servers[PEER] = bench.peer("--quiet-joins", "--batch")
    figures = {}
    for name, server in servers.items():
        with server as running, crowd(running, 200, BATCH) as people:
            people.run(enter, [ROOM] * 200)
            people.run(whisper, 3)
            figures[name] = Figure(tuple(people.run(whisper, times)), "ms")
    peer = f"{PEER}: {figures[PEER]}" if PEER in figures else ""
    case = "delay of the first message in an idle room, batches, 200 members"
    return [Row("2", case, figures["SQLite"], None, FIRST_MESSAGE_MS, peer)]


async def whisper(clients: Clients, times: int) -> list[float]:
    """Single messages with pauses between; answers each one's median delay."""
    delays = []
    for _ in range(times):
        for client in clients[::TIMED]:
            client.delays_ms = []
        count = clients[0].count + 1
        clients[0].say(ROOM, 50)
        for client in clients:
            await client.wait_for(count)
        delays.append(median(delay for client in clients for delay in client.delays_ms or []))
        await asyncio.sleep(PAUSE_S)
    return delays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--rate", type=float, default=200, help="messages a second")
    parser.add_argument("--seconds", type=float, help="of one round; 4, or 10 with --batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", action="store_true", help="clients take message-batch")
    options = parser.parse_args()
    options.seconds = options.seconds or SECONDS[options.batch]
    with Bench(people=options.members) as bench:
        for row in compare(bench, Load(**vars(options))):
            print(row)


if __name__ == "__main__":
    main()
