"""How long a request waits for a process that is busy with messages: what its pace costs everybody else.

`python -m benchmarks.bystanders [--members 200] [--rate 200] [--requests 20]`
"""

import argparse
import time
from http.client import HTTPConnection
from itertools import product

from benchmarks.crowd import Talk, talk
from benchmarks.fanout import BATCH, ROOM
from benchmarks.rounds import Figure, Row
from benchmarks.servers import Bench, Server
from benchmarks.sides import side
from rooms.delivery.pace import CALM_S

PAUSE_S = CALM_S + 0.2  # by then the process has forgotten the request before


def compare(bench: Bench, *, members: int, rate: float, requests: int) -> list[Row]:
    """The same process idle and busy, with readers of single frames and of batches, at its pace and without one."""
    rows = []
    for accept, env in product(("", BATCH), ({}, {"CHAT_GATHER_MS": "0"})):
        with side(bench.ours(**env), [ROOM] * members, accept) as one:
            idle = ask(one.server, requests, pause_s=0.0)
            one.crowd.start(talk, Talk([ROOM], int(rate * PAUSE_S * requests), rate))
            busy = ask(one.server, requests, pause_s=PAUSE_S)
            one.crowd.result()
        what = "batches" if accept else "a frame a message"
        settings = "".join(f", {name}={value}" for name, value in env.items())
        rows.append(
            Row("", f"a request beside {rate:g} messages a second, {what}, {members} members{settings}", busy, idle)
        )
    return rows


def ask(server: Server, requests: int, *, pause_s: float) -> Figure:
    """Milliseconds of each request for the list of rooms, with a connection of its own."""
    values = []
    headers = {"Authorization": f"Bearer {server.token(0)}"}
    for _ in range(requests):
        time.sleep(pause_s)
        start = time.perf_counter()
        line = HTTPConnection("127.0.0.1", server.ports[0])
        line.request("GET", "/api/rooms", headers=headers)
        line.getresponse().read()
        values.append((time.perf_counter() - start) * 1000)
        line.close()
    return Figure(tuple(values), "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--rate", type=float, default=200, help="messages a second")
    parser.add_argument("--requests", type=int, default=20)
    options = parser.parse_args()
    with Bench(people=options.members) as bench:
        for row in compare(bench, **vars(options)):
            print(row)


if __name__ == "__main__":
    main()
