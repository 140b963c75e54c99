"""What an idle connection holds: sockets that are signed in, in a room, and silent.

`python -m benchmarks.idle [--connections 1000]`
"""

import argparse
import asyncio
import resource

from benchmarks.load import RawClient, Server, server, tell

WARM_UP = 100  # the first connections load code and fill caches; what they cost is not a connection's


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1000)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with server(people=options.connections + WARM_UP) as running:
        asyncio.run(measure(running, options.connections))


async def measure(running: Server, connections: int) -> float:
    """Prints and returns KiB of resident memory for each connection; a room has 50 of them."""
    clients = [await RawClient.connect(running.port, token, "warm") for token in running.tokens[:WARM_UP]]
    before = running.resident_bytes()
    for number, token in enumerate(running.tokens[WARM_UP : WARM_UP + connections]):
        clients.append(await RawClient.connect(running.port, token, f"room-{number // 50}"))
    kib = (running.resident_bytes() - before) / connections / 1024
    tell({"connections": f"{connections}", "resident memory for each": f"{kib:.1f} KiB"})
    for client in clients:
        client.transport.close()
    return kib


if __name__ == "__main__":
    main()
