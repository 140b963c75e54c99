"""All measurements, side by side in one run: `python -m benchmarks`, shorter with QUICK=1."""

import asyncio
import os
import sys

import uvicorn

from benchmarks import fanout, floor, idle
from benchmarks.fanout import Plan
from benchmarks.load import server

MEMBERS, RATE, CONNECTIONS = 200, 100, 1000
seconds = 5 if os.environ.get("QUICK") else 20

print(f"Python {sys.version.split()[0]}, uvicorn {uvicorn.__version__}, {os.cpu_count()} cores\n\nThe kernel's write:")
least = floor.measure()
print("\nFan-out, one room, one frame a message, stored in SQLite before it is delivered:")
with server(people=MEMBERS) as running:
    delivery = fanout.measure(running, Plan(MEMBERS, RATE * seconds, RATE))
print(
    f"  so a delivery costs {delivery / least:.1f} times the kernel's write\n\nIdle connections, signed in, in a room:"
)
with server(people=CONNECTIONS + idle.WARM_UP) as running:
    asyncio.run(idle.measure(running, CONNECTIONS))
