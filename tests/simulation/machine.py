"""Simulated machines: each runs the real node, and real consumers for its sockets, and can vanish at any moment.

What is simulated is what a machine stands on: its way to the database, to the channel layer, to the shared presence.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from django.db import OperationalError, connections
from django.db.utils import load_backend

from chatsite import environment
from rooms import database
from rooms.conf import conf
from rooms.live import bus
from rooms.live.node import Node
from rooms.live.presence import SIGNED_IN, Change, Departure, MemoryPresence, Online
from rooms.sockets import session
from rooms.sockets.consumer import ChatConsumer
from tests.simulation.clock import for_ever
from tests.simulation.network import Layer, Line, Network

R = TypeVar("R")
SCOPE = {"type": "websocket", "path": "/ws", "headers": [(b"host", b"testserver")], "client": ("::1", 1)}
here: ContextVar["Machine | None"] = ContextVar("here", default=None)


class Machine:
    """One process with its node. What it starts runs in its context, in which `here` is this machine."""

    def __init__(self, name: str, network: Network, shares: list["Share"], on_fault: Callable[[str], None]) -> None:
        self.name, self.dead, self._network, self._on_fault = name, False, network, on_fault
        self.layer = Layer(network, name)
        self.share = Share(shares)
        self.lines: list[Line] = []
        self._consumers: list[asyncio.Task[None]] = []  # held, because those of a dead machine wait for ever
        self._context = copy_context()
        self._context.run(here.set, self)
        self.node = self.run(self._start)

    def run(self, function: Callable[..., R], *args: Any) -> R:
        return self._context.copy().run(function, *args)

    def _start(self) -> Node:
        node = Node(session.recheck)
        node.presence = self.share
        node.start()
        return node

    def connect(self, accept: str, on_frame: Callable[[str], None], on_close: Callable[[int], None]) -> Line:
        line = Line(self._network, on_frame, on_close)
        self.lines.append(line)
        scope = {**SCOPE, "query_string": f"accept={accept}".encode()}
        task = self.run(asyncio.ensure_future, ChatConsumer.as_asgi()(scope, line.receive, line.send))
        self._consumers.append(task)
        task.add_done_callback(lambda task: self._consumer_ended(task, line))
        return line

    def _consumer_ended(self, task: "asyncio.Task[None]", line: Line) -> None:
        line.break_off()
        if not task.cancelled() and task.exception() is not None:
            self._on_fault(f"a consumer ended with {task.exception()!r}")

    def crash(self) -> None:
        """Gone, with all it had in memory; its people count until its lease has ended."""
        self.dead = True
        self.layer.die()
        self.share.ends_at = asyncio.get_running_loop().time() + conf.CHAT_PRESENCE_LEASE_S
        self.lose_lines()

    def lose_lines(self) -> None:
        """All its sockets break at once, as when a proxy restarts."""
        for line in self.lines:
            line.break_off()

    async def retire(self) -> None:
        """Stops as on SIGTERM."""
        await self.node.drain()
        await self.node.stop()
        self.dead = True
        self.layer.die()
        self.lose_lines()


class Share(MemoryPresence):
    """One machine's part of a presence they all share: counts are over all of them, and nothing of it can fail."""

    def __init__(self, shares: list["Share"]) -> None:
        super().__init__()
        self.ends_at = float("inf")
        self._shares = shares
        self._departures: list[Departure] = []
        shares.append(self)

    def add(self, place: int, user_id: str, person: Online | None = None) -> Change:
        super().add(place, user_id, person)
        return Change(self._sockets(place, user_id) == 1, len(self._users(place)))

    def remove(self, place: int, user_id: str) -> Change:
        super().remove(place, user_id)
        return Change(not self._sockets(place, user_id), len(self._users(place)))

    async def counts(self, rooms: Any) -> dict[int, int]:
        return {room: len(self._users(room)) for room in rooms}

    async def is_empty(self, room: int) -> bool:
        return not self._users(room)

    async def renew(self) -> list[Departure]:
        now = asyncio.get_running_loop().time()
        for share in [share for share in self._shares if share.ends_at <= now]:
            self._departures += await share.withdraw()
        return list(self._departures)

    async def confirm(self, departures: Sequence[Departure]) -> None:
        self._departures = [one for one in self._departures if one not in departures]

    async def withdraw(self) -> list[Departure]:
        self._shares.remove(self)
        counted = [(place, user) for place, users in self.places.items() for user in users if place != SIGNED_IN]
        return [Departure(place, self.people[user]) for place, user in counted if user not in self._users(place)]

    def _sockets(self, place: int, user_id: str) -> int:
        return sum(share.places.get(place, {}).get(user_id, 0) for share in self._shares)

    def _users(self, place: int) -> set[str]:
        return {user for share in self._shares for user in share.places.get(place, ())}


class Storage:
    """The way to the one database: calls run inline, some time after they were made, and their answers take time."""

    def __init__(self, network: Network, meanwhile: Callable[[], None], url: str) -> None:
        """`meanwhile` is what somebody else commits between two statements of a caller."""
        self._network, self._meanwhile = network, meanwhile
        self._stores: set[asyncio.Task[None]] = set()
        settings = {**connections.databases["default"], **environment.database("", default=url)}
        self._connection = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, "default")
        self._commit, self._connection._commit = self._connection._commit, self.commit
        self.undisturbed = False

    @contextmanager
    def opened(self) -> Iterator[None]:
        """In here, and in all tasks that begin in here, this is the default database."""
        connections["default"] = self._connection
        with self._connection.execute_wrapper(self.statement):
            yield
        self._connection.close()

    async def run(self, _threads: Any, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Stands in for `rooms.database._run`: one call, from the machine whose context this is."""
        machine = here.get()
        assert machine is not None
        await asyncio.sleep(self._network.delay(self._network.weather.database_s))
        if machine.dead:
            await for_ever()
        try:
            with publishing_by(machine):
                return database._guarded(function, *args, **kwargs)
        finally:
            await asyncio.sleep(self._network.delay(self._network.weather.database_s))
            if machine.dead:
                await for_ever()

    def store(self, function: Callable[[Any], Any], items: Any, done: Callable[[Any], None]) -> None:
        """Stands in for `rooms.database.store` and `store_held`."""

        async def store() -> None:
            try:
                outcome = await self.run(None, function, items)
            except Exception as error:  # noqa: BLE001 - as the thread hands it on
                outcome = error
            done(outcome)

        task = asyncio.ensure_future(store())
        self._stores.add(task)
        task.add_done_callback(self._stores.discard)

    def statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Wraps every SQL statement."""
        weather = self._network.weather
        if not self.undisturbed:
            if not self._connection.in_atomic_block and self._network.happens(weather.meanwhile):
                with self.calm():
                    self._meanwhile()
            if self._network.happens(weather.statement_failure):
                raise OperationalError("the line to the database broke")
        return execute(sql, params, many, context)

    def commit(self) -> None:
        """Stands in for the connection's own: it may fail, and it may fail to say that it did not."""
        fails = not self.undisturbed and self._network.happens(self._network.weather.commit_failure)
        if fails and self._network.happens(0.5):
            raise OperationalError("no commit")
        self._commit()
        if fails:
            raise OperationalError("no answer to a commit")

    @contextmanager
    def calm(self) -> Iterator[None]:
        """Statements in here meet no trouble."""
        before, self.undisturbed = self.undisturbed, True
        try:
            yield
        finally:
            self.undisturbed = before


@contextmanager
def publishing_by(machine: Machine | None) -> Iterator[None]:
    """What is committed in here is published by this machine's bus, as from its threads, or by nobody's."""
    before, bus._running = bus._running, machine.node.bus if machine else None
    try:
        yield
    finally:
        bus._running = before


def run_at(machine: Machine | None, function: Callable[[], None]) -> None:
    """Runs a function as in a thread of this machine, or in a process of its own that cannot tell the others."""
    context = copy_context()
    context.run(here.set, machine)
    with publishing_by(machine):
        context.run(function)


def layer_here(_alias: str) -> Layer | None:
    machine = here.get()
    return machine.layer if machine else None


def node_here() -> Node:
    machine = here.get()
    assert machine is not None
    return machine.node
