"""What an idle connection holds and costs: sockets that are signed in, in a room, silent, and asked for a sign of life.

`python -m benchmarks.idle [--connections 10000] [--heartbeat 30] [--seconds 60]`
"""

import argparse
import resource
import time
from contextlib import ExitStack

from benchmarks.crowd import connect, crowd, enter
from benchmarks.rounds import Figure, Row
from benchmarks.servers import Bench

PEER = "Node"
WARM_UP = 100  # the first connections load code and fill caches; what they cost is not a connection's
ROOM = 50  # members of each room
SPARE_FILES = 500  # what a process opens besides its sockets
MEMORY_KIB, CPU_PERCENT = 30, 5


def measure(bench: Bench) -> list[Row]:
    if bench.quick:  # as many heartbeats a second as in the whole run, from a tenth of the sockets
        return compare(bench, connections=1000, heartbeat=3, seconds=4)
    return compare(bench, connections=10_000, heartbeat=30, seconds=60)


def compare(bench: Bench, *, connections: int, heartbeat: int, seconds: float) -> list[Row]:
    """The servers stand side by side, and are watched through the same seconds."""
    connections = min(connections, _files() - SPARE_FILES - WARM_UP)
    servers = {"ours": bench.ours(CHAT_HEARTBEAT_S=str(heartbeat), CHAT_MAX_CONNECTIONS="0")}
    if bench.peer_is_there:
        servers[PEER] = bench.peer("--heartbeat", str(heartbeat))
    rooms = [f"room-{number // ROOM}" for number in range(WARM_UP + connections)]
    memory, busy = {}, {}
    with ExitStack() as stack:
        running = {name: stack.enter_context(server) for name, server in servers.items()}
        for name, server in running.items():
            people = stack.enter_context(crowd(server, WARM_UP))
            people.run(enter, rooms[:WARM_UP])
            before = server.resident_bytes()
            people.run(connect, server, WARM_UP, connections)
            people.run(enter, rooms)
            memory[name] = Figure(((server.resident_bytes() - before) / connections / 1024,), "KiB")
        before_s = {name: server.cpu_s() for name, server in running.items()}
        time.sleep(seconds)
        for name, server in running.items():
            busy[name] = Figure(((server.cpu_s() - before_s[name]) / seconds * 100,), "% of a core")
    case = f"{connections:,} idle connections"
    return [
        Row("5", f"memory of each of {case}", memory["ours"], None, MEMORY_KIB, _peer(memory)),
        Row("5", f"CPU of {case}, a heartbeat every {heartbeat} s", busy["ours"], None, CPU_PERCENT, _peer(busy)),
    ]


def _peer(figures: dict[str, Figure]) -> str:
    return f"{PEER}: {figures[PEER]}" if PEER in figures else ""


def _files() -> int:
    """How many files a process may have open; raised to what the system allows, for the servers too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--heartbeat", type=int, default=30, help="seconds between pings")
    parser.add_argument("--seconds", type=float, default=60, help="to watch")
    options = parser.parse_args()
    with Bench(people=options.connections + WARM_UP) as bench:
        for row in compare(bench, **vars(options)):
            print(row)


if __name__ == "__main__":
    main()
