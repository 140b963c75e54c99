"""What one delivery costs the server: members of one room, one sender, a frame for each message, every message stored.

`python -m benchmarks.fanout [--members 200] [--seconds 10] [--rate 100] [--database-url …]`
"""

import argparse
import asyncio
import os
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection

from benchmarks.load import RawClient, Server, server, tell

CONTENT = "Well said: a message of about fifty characters, as."


@dataclass(frozen=True)
class Plan:
    members: int
    messages: int
    rate: int  # messages a second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=int, default=100, help="messages a second")
    parser.add_argument("--database-url", default="")
    options = parser.parse_args()
    with server(people=options.members, database_url=options.database_url) as running:
        measure(running, Plan(options.members, int(options.rate * options.seconds), options.rate))


def measure(running: Server, plan: Plan) -> float:
    """Prints and returns microseconds of server CPU for each delivery; the clients are a process of their own."""
    context = get_context("spawn")
    here, there = context.Pipe()
    load = context.Process(target=_load, args=(running, plan, there))
    load.start()
    here.recv()  # all members are in the room
    cpu, start = running.cpu_s(), time.perf_counter()
    here.send("go")
    client_cpu_s = here.recv()
    cpu, elapsed = running.cpu_s() - cpu, time.perf_counter() - start
    load.join()
    deliveries = plan.members * plan.messages
    tell(
        {
            "members, messages": f"{plan.members}, {plan.messages} at {plan.rate} a second",
            "deliveries": f"{deliveries:,} in {elapsed:.1f} s",
            "server CPU for each delivery": f"{cpu / deliveries * 1e6:.2f} us",
            "server, of one core": f"{cpu / elapsed:.0%}",
            "clients, of one core": f"{client_cpu_s / elapsed:.0%} (below 100 %: not the bottleneck)",
        }
    )
    return cpu / deliveries * 1e6


def _load(running: Server, plan: Plan, pipe: Connection) -> None:
    asyncio.run(_talk(running, plan, pipe))


async def _talk(running: Server, plan: Plan, pipe: Connection) -> None:
    clients = [await RawClient.connect(running.port, token, "bench") for token in running.tokens[: plan.members]]
    pipe.send("ready")
    await asyncio.to_thread(pipe.recv)
    cpu, start = sum(os.times()[:2]), time.perf_counter()
    for number in range(plan.messages):
        clients[0].send({"type": "chat-message", "roomId": "bench", "content": CONTENT})
        await asyncio.sleep(max(0.0, start + (number + 1) / plan.rate - time.perf_counter()))
    for client in clients:
        await client.wait_for(count=plan.messages)
    pipe.send(sum(os.times()[:2]) - cpu)


if __name__ == "__main__":
    main()
