"""Raw clients of one server in a process of their own, and what they can be told to do.

What is done is a coroutine function `work(clients, …)`; `Crowd.run` sends it over and answers with what it returns.
"""

import asyncio
import resource
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Concatenate, ParamSpec, TypeVar

import uvloop

from benchmarks.load import RawClient
from benchmarks.servers import Server

P = ParamSpec("P")
R = TypeVar("R")
Clients = list[RawClient]
TOGETHER = 20  # clients that connect or join at the same time
TIMED = 10  # every so many-th client notes delays: reading the clock for each frame would be load of its own


class Crowd:
    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def start(self, work: Callable[Concatenate[Clients, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> None:
        self._pipe.send((work, args, kwargs))

    def busy(self, wait_s: float) -> bool:
        """Whether the work goes on after so many seconds."""
        return not self._pipe.poll(wait_s)

    def result(self) -> Any:
        done, answer = self._pipe.recv()
        if not done:
            raise RuntimeError(f"In the clients' process:\n{answer}")
        return answer

    def run(self, work: Callable[Concatenate[Clients, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        self.start(work, *args, **kwargs)
        answer: R = self.result()
        return answer


@contextmanager
def crowd(server: Server, people: int, accept: str = "") -> Iterator[Crowd]:
    """So many signed-in clients of a server, shared out evenly among its processes; `people` 0 is a crowd to come."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_live, args=(there,), daemon=True)
    process.start()
    try:
        found = Crowd(here)
        found.run(connect, server, 0, people, accept)
        yield found
    finally:
        process.terminate()
        process.join()


def _live(pipe: Connection) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_obey(pipe))


async def _obey(pipe: Connection) -> None:
    clients: Clients = []
    while True:
        work, args, kwargs = await asyncio.to_thread(pipe.recv)
        try:
            pipe.send((True, await work(clients, *args, **kwargs)))
        except Exception:  # noqa: BLE001 - whatever it is, it is raised again where the work was asked for
            pipe.send((False, traceback.format_exc()))


# --- What clients can be told -----------------------------------------------------------------------------------------
async def connect(clients: Clients, server: Server, first: int, people: int, accept: str = "") -> None:
    """Signs in the people from number `first` on."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for start in range(first, first + people, TOGETHER):
        numbers = range(start, min(start + TOGETHER, first + people))
        ports = [server.ports[number % len(server.ports)] for number in numbers]
        places = zip(ports, (server.token(number) for number in numbers), strict=True)
        clients += await asyncio.gather(*(RawClient.connect(port, token, accept) for port, token in places))


async def enter(clients: Clients, rooms: Sequence[str]) -> None:
    """The first client joins the first room, and so on, for as many rooms as are given."""
    for start in range(0, len(rooms), TOGETHER):
        some = zip(clients[start : start + TOGETHER], rooms[start : start + TOGETHER], strict=False)
        await asyncio.gather(*(client.join(room) for client, room in some))


@dataclass(frozen=True)
class Talk:
    """Messages to these rooms in turn, at a steady rate a second, each room's members in turn."""

    rooms: Sequence[str]
    messages: int
    rate: float
    size: int = 50


@dataclass
class Heard:
    """`deliveries` are messages that reached a member; `late_ms` is by how much the sender fell behind at worst."""

    deliveries: int
    frames: int
    cpu_s: float
    elapsed_s: float
    late_ms: float
    delays_ms: list[float] = field(repr=False)


async def talk(clients: Clients, plan: Talk) -> Heard:
    """Says it all, waits until every member has heard it all, and tells how that went."""
    members = {room: [client for client in clients if room in client.rooms] for room in plan.rooms}
    expected = _expected(members, plan)
    for client in list(expected)[::TIMED]:
        client.delays_ms = []
    frames, cpu, start, late = sum(c.with_messages for c in clients), time.process_time(), time.monotonic(), 0.0
    for number in range(plan.messages):
        due = start + number / plan.rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        late = max(late, time.monotonic() - due)
        room = plan.rooms[number % len(plan.rooms)]
        members[room][number // len(plan.rooms) % len(members[room])].say(room, plan.size)
    for client, count in expected.items():
        await client.wait_for(count)
    return Heard(
        deliveries=sum(len(members[plan.rooms[n % len(plan.rooms)]]) for n in range(plan.messages)),
        frames=sum(client.with_messages for client in clients) - frames,
        cpu_s=time.process_time() - cpu,
        elapsed_s=time.monotonic() - start,
        late_ms=late * 1000,
        delays_ms=_delays(clients),
    )


def _expected(members: dict[str, Clients], plan: Talk) -> dict[RawClient, int]:
    """What each member's count will be in the end."""
    expected: dict[RawClient, int] = {}
    for index, room in enumerate(plan.rooms):
        messages = len(range(index, plan.messages, len(plan.rooms)))
        for client in members[room]:
            expected[client] = expected.get(client, client.count) + messages
    return expected


def _delays(clients: Clients) -> list[float]:
    delays: list[float] = []
    for client in clients:
        delays += client.delays_ms or []
        client.delays_ms = None
    return delays
