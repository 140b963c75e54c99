"""What an idle connection holds and costs, and whether memory stays flat when connections come and go.

The connections are signed in, in a room, silent, and pinged. `python -m benchmarks.idle [--connections 10000]
[--heartbeat 30] [--seconds 60] [--passing 30000]`
"""

import argparse
import resource
import time
from contextlib import ExitStack

from benchmarks import floor
from benchmarks.goals import PEER, SQLITE, Goal, Metric, Row, row
from benchmarks.load import Result
from benchmarks.rounds import Rounds
from benchmarks.servers import Bench, Servers
from benchmarks.sides import Side, side

WARM_UP = 100  # the first connections load code and fill caches; what they cost is not a connection's
ROOM = 50  # members of each room
SPARE_FILES = 500  # what a process opens besides its sockets
TOGETHER = 1000  # connections that come and go at the same time
SETTLE_S = 4.0  # by then those who left have been counted out (CHAT_LEAVE_DELAY_S)
MEMORY = Metric("kib", "memory of each", "KiB", Goal(26, absolute=True))
CPU = Metric("percent", "CPU", "% of a core", Goal(3, absolute=True))
GROWTH = Metric("growth", "memory after all, against after the first sixth", "×", Goal(1.1, absolute=True))
MIB = 2**20


def measure(bench: Bench) -> list[Row]:
    if bench.quick:  # as many heartbeats a second as in the whole run, from a tenth of the sockets
        return run(bench, connections=1000, heartbeat=3, seconds=4, passing=0)
    return run(bench, connections=10_000, heartbeat=30, seconds=60, passing=30_000)


def run(bench: Bench, *, connections: int, heartbeat: int, seconds: float, passing: int) -> list[Row]:
    """The servers stand side by side, and are watched through the same seconds."""
    connections = min(connections, _files() - SPARE_FILES - WARM_UP)
    options = f"--connections {connections} --heartbeat {heartbeat} --seconds {seconds:g}"
    command = f"python -m benchmarks.idle {options} --passing {passing}"
    floor_us = floor.measure()
    with ExitStack() as stack:
        sides = {name: stack.enter_context(side(bench, server)) for name, server in _servers(bench, heartbeat).items()}
        results = {name: _fill(one, connections) for name, one in sides.items()}
        before_s = {name: one.server.cpu_s() for name, one in sides.items()}
        time.sleep(seconds)
        for name, one in sides.items():
            results[name]["percent"] = (one.server.cpu_s() - before_s[name]) / seconds * 100
    found = Rounds(
        work(connections, heartbeat), command, floor_us, {name: [result] for name, result in results.items()}
    )
    bench.keep(found)
    rows = [row(found, metric, SQLITE, PEER) for metric in (MEMORY, CPU)]
    return [*rows, *_pass_by(bench, passing, command)] if passing else rows


def work(connections: int, heartbeat: int) -> str:
    return f"{connections:,} idle connections, pinged every {heartbeat} s"


def _servers(bench: Bench, heartbeat: int) -> Servers:
    ours = {SQLITE: bench.ours(CHAT_HEARTBEAT_S=str(heartbeat), CHAT_MAX_CONNECTIONS="0")}
    return {**ours, **({PEER: bench.peer("--heartbeat", str(heartbeat))} if bench.has_peer else {})}


def _fill(one: Side, connections: int) -> Result:
    rooms = (WARM_UP + connections) // ROOM
    one.load.connect(WARM_UP)
    one.load.join("idle", WARM_UP, rooms)
    before = one.server.resident_bytes()
    one.load.connect(connections, first=WARM_UP)
    one.load.join("idle", WARM_UP + connections, rooms)
    after = one.server.resident_bytes()
    return {"kib": (after - before) / connections / 1024, "mib": after / MIB}


def _pass_by(bench: Bench, passing: int, command: str) -> list[Row]:
    """Every second connection ends with a close frame, the others without one."""
    results: dict[str, list[Result]] = {}
    for name, server in _servers(bench, 30).items():
        with side(bench, server) as one:
            sizes = []
            for number in range(passing // TOGETHER):
                one.load.connect(TOGETHER)
                one.load.join(f"passing-{number}", TOGETHER, TOGETHER // ROOM)
                one.load.run("close")
                if (number + 1) * TOGETHER in {passing // 6 // TOGETHER * TOGETHER, passing}:
                    time.sleep(SETTLE_S)
                    sizes.append(one.server.resident_bytes() / MIB)
            results[name] = [{"early_mib": sizes[0], "mib": sizes[-1], "growth": sizes[-1] / sizes[0]}]
    found = Rounds(f"{passing:,} connections came and went", command, floor.measure(), results)
    bench.keep(found)
    return [row(found, GROWTH, SQLITE, PEER)]


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
    parser.add_argument("--passing", type=int, default=30_000, help="connections that come and go; 0: none")
    options = parser.parse_args()
    with Bench(people=max(options.connections + WARM_UP, TOGETHER)) as bench:
        print(*run(bench, **vars(options)), sep="\n")


if __name__ == "__main__":
    main()
