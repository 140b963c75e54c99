"""A whole world from one seed: machines, clients, moderators, and a network with bad weather.

`World.run` lets it live until enough messages between machines were lost, heals everything, and lets it settle.
`faults` has what was wrong at any time, `trace` everything that clients sent and received.
"""

import asyncio
import logging
import os
import random
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.test import override_settings

from accounts import tokens
from accounts.models import User
from rooms import database
from rooms.callers import CODE, roles
from rooms.errors import ChatError
from rooms.live import bus, node
from rooms.models import Message, Room
from rooms.services import changes, deletions, posting
from rooms.sockets import session
from tests.simulation.client import Client, Frame
from tests.simulation.clock import VirtualLoop
from tests.simulation.machine import Machine, Share, Storage, layer_here, node_here, run_at
from tests.simulation.network import Network, Weather
from tests.simulation.truth import differences

ROOMS = ("lobby", "garden", "attic")
CORNER_S = 3.0
SETTLED_WITHIN_S = 120.0
LONGEST_S = 600.0  # of virtual time; most worlds have lost enough after one minute
SETTINGS = {"CHAT_HEADS_INTERVAL_S": 3, "CHAT_DRAIN_S": 2, "CHAT_PRESENCE_LEASE_S": 6, "CHAT_OUTBOX_BYTES": 8_192}
CHOICES = {
    "CHAT_RESUME_MESSAGES": [20, 1_000],
    "CHAT_BATCH_INTERVAL_MS": [20, 500],
    "CHAT_MAX_NOTICED_MEMBERS": [2, 50],
}


class World:
    def __init__(self, seed: int, database_url: str) -> None:
        self.dice = random.Random(seed)
        self.trace: list[str] = []
        self.faults: list[str] = []
        self.settling = False
        self.network = Network(self.dice, _weather(self.dice))
        self.storage = Storage(self.network, self.moderate, database_url)
        self.machines: list[Machine] = []
        self._gone: list[tuple[Machine, Any]] = []  # held with what they still do, so that no task is lost half-way
        self.clients: list[Client] = []
        self.shares: list[Share] = []
        self.crashes = self.edits = 0
        self._names = iter(range(1_000_000))
        self._heads: dict[str, int] = {}
        self.changes: dict[str, set[int]] = {}  # room → seqs that edits and deletions took
        self._received: dict[tuple[str, int], tuple[str, int, str | None]] = {}
        self._loop = VirtualLoop()
        self._over = False

    def counts(self) -> dict[str, int]:
        return {
            "published": self.network.published,
            "dropped": self.network.dropped,
            "doubled": self.network.doubled,
            "machines lost": self.crashes,
            "sockets lost": sum(client.cuts for client in self.clients),
            "acknowledged": sum(len(client.acked) for client in self.clients),
            "edited, deleted or posted by others": self.edits,
        }

    # --- What clients ask of it ---------------------------------------------------------------------------------------
    def pick_machine(self) -> Machine | None:
        open_ones = [machine for machine in self.machines if not machine.node.draining]
        return self.dice.choice(open_ones) if open_ones else None

    def pick_room(self) -> str:
        return self.dice.choice(ROOMS)

    def pick_corner(self) -> str:
        """A room of these seconds: every now and then there is a new one."""
        return f"corner-{int(self._loop.time() // CORNER_S)}"

    def note(self, who: str, what: str) -> None:
        if not self._over:
            self.trace.append(f"{self._loop.time():10.4f} {who} {what}")

    def fault(self, text: str) -> None:
        self.note("FAULT", text)
        self.faults.append(f"{self._loop.time():.4f} {text}")

    def check_received(self, room: str, change: Frame) -> None:
        """Nobody receives what is not stored, and all receive the same; a new message may come with its edited text."""
        seq, is_new = change["changedSeq"], change["changedSeq"] == change.get("seq")
        received = (change.get("messageId", ""), change.get("seq", 0), None if is_new else change.get("content"))
        before = self._received.setdefault((room, seq), received)
        texts = {before[2], received[2]} - {None}  # none: it was deleted with others since
        if before[:2] != received[:2] or len(texts) > 1:
            self.fault(f"change {seq} of {room} was received as {self._received[room, seq]} and as {received}")
        if seq > self._heads.get(room, 0):
            with self.storage.calm():
                self._heads[room] = Room.objects.values_list("last_seq", flat=True).get(name=room)
            if seq > self._heads[room]:
                self.fault(f"change {seq} of {room} was received, and the room stands at {self._heads[room]}")

    def check_acknowledged(self, user_id: int, client_id: str, seq: int) -> None:
        with self.storage.calm():
            stored = Message.objects.filter(author=user_id, client_id=client_id).values_list("seq", flat=True)
            if list(stored) != [seq]:
                self.fault(f"{client_id} was acknowledged as {seq} and is stored as {list(stored)}")

    # --- Life ---------------------------------------------------------------------------------------------------------
    def run(self, drops: int) -> None:
        """Lives until this many messages between machines were lost, settles, and compares."""
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._on_unhandled)
        with ExitStack() as stack:
            stack.callback(self._loop.close)
            stack.callback(asyncio.set_event_loop, None)
            stack.enter_context(override_settings(**SETTINGS, **self._chosen()))
            self._put_in_place(stack.enter_context(pytest.MonkeyPatch.context()))
            stack.enter_context(_LoudLogs(self.fault))
            try:
                self._loop.run_until_complete(self._live(drops))
            finally:
                self._over = True
                _cancel_all(self._loop)

    def _chosen(self) -> dict[str, int]:
        return {name: self.dice.choice(values) for name, values in CHOICES.items()}

    def _put_in_place(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(database, "_run", self.storage.run)
        patch.setattr(database, "store", self.storage.store)
        patch.setattr(database, "store_held", self.storage.store)
        patch.setattr(session, "running", node_here)
        patch.setattr(bus, "get_channel_layer", layer_here)
        patch.setattr(node, "random", self.dice)
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")

    def _on_unhandled(self, _loop: Any, context: dict[str, Any]) -> None:
        self.fault(f"unhandled: {context.get('message')} {context.get('exception')!r} {context.get('task') or ''}")

    async def _live(self, drops: int) -> None:
        with self.storage.opened():
            await self._live_here(drops)

    async def _live_here(self, drops: int) -> None:
        with self.storage.calm():
            self._make_people()
        for _ in range(self.dice.randint(3, 5)):
            self._start_machine()
        lives = [asyncio.ensure_future(client.live()) for client in self.clients]
        lives.append(asyncio.ensure_future(self._events()))
        while self.network.dropped < drops and not self.faults:
            await asyncio.sleep(1.0)
            if self._loop.time() > LONGEST_S:
                self.fault(f"only {self.network.dropped} messages were published and lost in {LONGEST_S} s")
        await self._settle(lives)
        if not self.faults:
            with self.storage.calm():
                for difference in differences(self):
                    self.fault(difference)

    def _make_people(self) -> None:
        for number in range(self.dice.randint(6, 10)):
            user, _ = User.objects.get_or_create(username=f"user-{self.dice.randint(1, number + 1)}")
            token = tokens.issue_access(
                user_id=user.pk, username=user.username, roles=roles(user), stamp=user.stamp(), sign_in=None
            )
            self.clients.append(Client(f"client-{number}", user.pk, token, self))

    def _start_machine(self) -> None:
        machine = Machine(f"machine-{next(self._names)}", self.network, self.shares, self.fault)
        self.note(machine.name, "starts")
        self.machines.append(machine)

    async def _events(self) -> None:
        """Machines come and go, and moderators work, for ever."""
        while True:
            await asyncio.sleep(self.dice.expovariate(1))
            if self.settling:
                continue
            acts = {self.moderate: 40, self._crash: 1, self._retire: 1, self._lose_layer: 1, self._lose_lines: 3}
            [act] = self.dice.choices(list(acts), weights=list(acts.values()))
            act()

    def _crash(self) -> None:
        if len(self.machines) > 1:
            machine = self.machines.pop(self.dice.randrange(len(self.machines)))
            self.note(machine.name, "crashes")
            self.crashes += 1
            machine.crash()
            self._gone.append((machine, None))
            self._loop.call_later(self.dice.uniform(0, 10), self._start_machine)

    def _retire(self) -> None:
        machine = self.pick_machine()
        if machine is not None and len(self.machines) > 1:
            self.note(machine.name, "retires")
            self.machines.remove(machine)
            self._gone.append((machine, machine.run(asyncio.ensure_future, machine.retire())))
            self._start_machine()

    def _lose_layer(self) -> None:
        seconds = self.dice.uniform(0.5, 8.0)
        self.note("channel layer", f"is away for {seconds:.1f} s")
        self.network.away_until = self._loop.time() + seconds

    def _lose_lines(self) -> None:
        machine = self.dice.choice(self.machines)
        self.note(machine.name, "loses its lines")
        machine.lose_lines()

    def moderate(self) -> None:
        """Edits, deletes or posts as REST and the admin do, in a machine's thread or in a process of its own."""
        machine = self.dice.choice([None, *self.machines])
        with suppress(ChatError, OperationalError):
            run_at(machine, self._change_something)

    def _change_something(self) -> None:
        with self.storage.calm():
            count = Message.objects.count()
            if not count:
                return
            message = Message.objects.select_related("room").order_by("pk")[self.dice.randrange(count)]
        self.edits += 1
        act = self.dice.choices(
            [
                partial(changes.edit_message, message_id=message.pk, content=f"{message.content or '-'}*"),
                partial(changes.delete_message, message_id=message.pk),
                partial(posting.post_message, room_id=message.room_id, author_id=message.author_id, content="by REST"),
                partial(deletions.erase_list, actor=CODE, room_id=message.room_id, ids=[message.pk, message.pk + 1]),
                partial(_delete_all, message.room_id, message.author_id),
            ],
            weights=[6, 2, 3, 1, 1],
        )[0]
        self.note("moderator", f"{act.func.__name__} {message.room.name} {message.seq}")
        try:
            act()
        finally:
            with self.storage.calm():
                changed_seq = Message.objects.values_list("changed_seq", flat=True).get(pk=message.pk)
            if changed_seq != message.changed_seq:
                self.changes.setdefault(message.room.name, set()).add(changed_seq)

    # --- The end ------------------------------------------------------------------------------------------------------
    async def _settle(self, lives: list["asyncio.Future[None]"]) -> None:
        self.settling = True
        self.network.weather, self.network.away_until = self.network.weather.healed(), 0.0
        self.note("world", "settles")
        end = self._loop.time() + SETTLED_WITHIN_S
        while not self.faults and not all(self._is_settled(client) for client in self.clients):
            await asyncio.sleep(1.0)
            if self._loop.time() > end:
                restless = [client for client in self.clients if not self._is_settled(client)]
                self.fault("not settled: " + "; ".join(f"{c.name} {c.joined} {c.wanted} {c.pending}" for c in restless))
        await asyncio.sleep(4 * SETTINGS["CHAT_HEADS_INTERVAL_S"])
        for life in lives:
            if life.done():
                self.fault(f"a simulated life ended with {life.exception()!r}")
            life.cancel()
        for machine, leave in self._gone:
            if leave is not None and (not leave.done() or leave.exception()):
                self.fault(f"{machine.name} did not come to its end: {leave}")

    @staticmethod
    def _is_settled(client: Client) -> bool:
        return not client.pending and set(client.wanted) <= set(client.joined)


@transaction.atomic  # nobody here would repeat it after an interruption
def _delete_all(room_id: int, user_id: int) -> None:
    deletions.erase_all_of(actor=CODE, room_id=room_id, user_id=user_id)


def _weather(dice: random.Random) -> Weather:
    """Every world has its own: what is rare everywhere is found only where it is frequent."""
    return Weather(
        drop=dice.choice([0.3, 0.5, 0.8]),
        double=dice.choice([0.0, 0.1, 0.3]),
        refusal=dice.choice([0.0, 0.02, 0.2]),
        deafness=dice.choice([0.0, 0.01]),
        delay_s=dice.choice([0.005, 0.03, 0.2]),
        database_s=dice.choice([0.002, 0.02, 0.2]),
        statement_failure=dice.choice([0.0, 0.002, 0.01]),
        commit_failure=dice.choice([0.0, 0.01, 0.05]),
        meanwhile=dice.choice([0.0, 0.02, 0.1]),
    )


class _LoudLogs(logging.Handler):
    """Keeps the logs quiet but for errors: whatever the weather, each of these is a fault."""

    def __init__(self, on_error: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._on_error = on_error

    def emit(self, record: logging.LogRecord) -> None:
        self._on_error(f"logged: {record.getMessage()}")

    def __enter__(self) -> None:
        self._loggers = [logging.getLogger(name) for name in ("rooms", "asyncio", "django.db")]
        self._levels = [logger.level for logger in self._loggers]
        for logger in self._loggers:
            logger.setLevel(logging.ERROR)
            logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        for logger, level in zip(self._loggers, self._levels, strict=True):
            logger.removeHandler(self)
            logger.setLevel(level)


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_exception_handler(lambda _loop, _context: None)
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
