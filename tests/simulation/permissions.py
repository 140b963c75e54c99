"""Five people, each with a socket on two machines, and what the database says of them before and after each command.

`act` sends one command and lets everything arrive; then nobody may have received what they may not read, and nothing
may have changed that the sender may not change. Both rules are written here once more, without the chat's own.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from django.contrib.auth.models import Permission
from django.test import override_settings
from django.utils import timezone

from accounts import tokens
from accounts.models import User
from rooms import database
from rooms.callers import Actor, roles
from rooms.live import bus, node
from rooms.models import Membership, Message, Room, ServerBan
from rooms.sockets import session
from tests.simulation.clock import VirtualLoop
from tests.simulation.machine import Machine, Share, Storage, layer_here, node_here, run_at
from tests.simulation.network import Line, Network, Weather

R = TypeVar("R")
Frame = dict[str, Any]
SITE_ROLES = {"admin": "administer", "site-moderator": "moderate", "ana": "", "bob": "", "carol": ""}
PEOPLE = tuple(SITE_ROLES)
RANKS = {"none": 0, "member": 1, "moderator": 2, "owner": 3}
SITE_RANKS = {"admin": 4, "site-moderator": 2}
ARRIVES_S = 1.5  # of virtual time: what a command does has been done everywhere after a second
NO_CONTENT = {"error", "ack", "room-left", "room-removed", "pong", "heads"}


@dataclass(frozen=True)
class Member:
    role: str
    is_banned: bool
    is_muted: bool
    visible_from: int


NOBODY = Member("none", is_banned=False, is_muted=False, visible_from=0)


@dataclass
class State:
    """What is stored, as far as somebody's rights decide who changes it."""

    rooms: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[tuple[str, str], Member] = field(default_factory=dict)
    messages: dict[tuple[str, int], tuple[str, str, bool]] = field(default_factory=dict)
    banned: frozenset[str] = frozenset()
    transient: set[str] = field(default_factory=set)  # made by joining: whoever creates such a room has it

    @classmethod
    def read(cls) -> "State":
        now = timezone.now()
        state = cls(banned=frozenset(ServerBan.objects.filter(until__gt=now).values_list("user__username", flat=True)))
        for room in Room.objects.filter(removed_at=None):
            shown = {
                name: getattr(room, name) for name in ("kind", "title", "topic", "slow_mode_s", "locked", "history")
            }
            state.rooms[room.name] = {**shown, "closed": room.closed_at is not None}
            if room.transient:
                state.transient.add(room.name)
        for one in Membership.objects.select_related("room", "user"):
            ends = (one.banned_until, one.muted_until)
            is_banned, is_muted = (end is not None and end > now for end in ends)
            key = (one.room.name, one.user.username)
            state.members[key] = Member(one.role, is_banned, is_muted, one.visible_from_seq)
        for message in Message.objects.exclude(kind=Message.Kind.SYSTEM).select_related("room", "author"):
            author = message.author.username if message.author else ""
            text = (author, message.content, message.deleted_at is not None)
            state.messages[message.room.name, message.seq] = text
        return state

    def member(self, room: str, person: str) -> Member:
        return self.members.get((room, person), NOBODY)

    def rank(self, room: str, person: str) -> int:
        return max(RANKS[self.member(room, person).role], SITE_RANKS.get(person, 0))

    def may_read(self, room: str, person: str) -> bool:
        member = self.member(room, person)
        if person in self.banned or member.is_banned or room not in self.rooms:
            return False
        return self.rooms[room]["kind"] == "public" or member.role != "none"

    def may_see(self, room: str, person: str, seq: int) -> bool:
        return self.may_read(room, person) and seq > self.member(room, person).visible_from

    def may_post(self, room: str, person: str) -> bool:
        settings = self.rooms[room]
        if settings["locked"] and self.rank(room, person) < RANKS["moderator"]:
            return False
        return self.may_read(room, person) and not settings["closed"] and not self.member(room, person).is_muted


class Trial:
    """The world of one run; `faults` has what broke a rule, `changed` how often each kind of thing was changed."""

    def __init__(self, seed: int, database_url: str) -> None:
        self.faults: list[str] = []
        self.changed: Counter[str] = Counter()
        self.network = Network(random.Random(seed), Weather())
        self.storage = Storage(self.network, lambda: None, database_url)
        self.loop = VirtualLoop()
        self.state = State()
        self.machines: list[Machine] = []
        self._received: list[tuple[str, Frame]] = []
        self._lines: dict[tuple[str, int], Line] = {}
        self._tokens: dict[str, str] = {}
        self._stack, self._database, self._context = ExitStack(), ExitStack(), copy_context()

    def open(self, settings: dict[str, Any]) -> None:
        asyncio.set_event_loop(self.loop)
        self._stack.callback(asyncio.set_event_loop, None)
        self._stack.callback(self.loop.close)
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        for owner, name, stand_in in (
            (database, "_run", self.storage.run),
            (database, "store", self.storage.store),
            (database, "store_held", self.storage.store),
            (session, "running", node_here),
            (bus, "get_channel_layer", layer_here),
            (bus, "_running", None),
            (node, "random", self.network.dice),
        ):
            patch.setattr(owner, name, stand_in)
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        self._stack.enter_context(override_settings(**settings))
        self._run(self._open)

    async def _open(self) -> None:
        self._database.enter_context(self.storage.opened())
        self._make_people()
        self._start()
        await asyncio.sleep(ARRIVES_S)
        self.state = State.read()

    def close(self) -> None:
        self._run(self._close)
        self._stack.close()

    async def _close(self) -> None:
        self.loop.set_exception_handler(lambda _loop, _context: None)
        tasks = asyncio.all_tasks(self.loop) - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._database.close()

    def _run(self, work: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """All in one context: in it, and in what begins in it, the database is this run's own."""
        return self.loop.run_until_complete(self.loop.create_task(work(), context=self._context))

    def _make_people(self) -> None:
        for name, permission in SITE_ROLES.items():
            user, _ = User.objects.get_or_create(username=name)
            if permission:
                user.user_permissions.add(Permission.objects.get(codename=permission))
            user = User.objects.get(pk=user.pk)
            self._tokens[name] = tokens.issue_access(
                user_id=user.pk, username=name, roles=roles(user), stamp=user.stamp(), sign_in=None
            )

    def _start(self) -> None:
        shares: list[Share] = []
        for number in range(2):
            machine = Machine(f"machine-{number}", self.network, shares, self.faults.append)
            self.machines.append(machine)
        for person in PEOPLE:
            for number in range(2):
                self._connect(person, number)

    def _connect(self, person: str, number: int) -> None:
        def receive(text: str) -> None:
            self._received.append((person, json.loads(text)))

        line = self.machines[number].connect("heads", receive, lambda _code: None)
        self._lines[person, number] = line
        line.say(json.dumps({"type": "auth", "token": self._tokens[person]}))

    # --- One command --------------------------------------------------------------------------------------------------
    def act(self, person: str, number: int, command: Frame) -> list[Frame]:
        """What the sender was answered and received."""
        if self._lines[person, number].broken:
            self._check(person, "connects", lambda: self._connect(person, number))
        line = self._lines[person, number]
        return self._check(person, json.dumps(command), lambda: line.say(json.dumps({"id": "asked", **command})))

    def call(self, person: str, what: str, function: Callable[[Actor], object]) -> None:
        """The same by a thread of the first machine, as REST does."""

        def begin() -> None:
            user = User.objects.get(username=person)
            run_at(self.machines[0], lambda: function(Actor(user.pk, roles(user), "rest", person)) and None)

        self._check(person, what, begin)

    def some_message(self, n: int) -> str:
        """The id of one that is not deleted; of none when all are."""
        keys = self._run(_message_keys)
        return str(keys[n % len(keys)]) if keys else "0"

    def _check(self, person: str, what: str, begin: Callable[[], None]) -> list[Frame]:
        async def live() -> State:
            begin()
            await asyncio.sleep(ARRIVES_S)
            return State.read()

        self._received.clear()
        before, self.state = self.state, self._run(live)
        for receiver, frame in self._received:
            for problem in _seen(frame, receiver, before, self.state):
                self.faults.append(f"{person} {what}: {receiver} received {problem}: {frame}")
        for kind, allowed, text in _changes(person, before, self.state):
            self.changed[kind] += 1
            if not allowed:
                self.faults.append(f"{person} {what}: {text}")
        return [frame for receiver, frame in self._received if receiver == person]


async def _message_keys() -> list[int]:
    return list(Message.objects.filter(deleted_at=None).order_by("pk").values_list("pk", flat=True))


# --- The rules --------------------------------------------------------------------------------------------------------
def _seen(frame: Frame, person: str, before: State, after: State) -> Iterator[str]:
    """What of this frame the person may not know, neither before nor after the command."""
    for room in _rooms_of(frame):
        is_about_them = frame["type"] == "member-updated" and frame["user"]["username"] == person
        if not (is_about_them or before.may_read(room, person) or after.may_read(room, person)):
            yield f"something of {room}"
    for message in [frame, *frame.get("messages", ())]:
        if message.get("content") and "seq" in message:
            place = (message["roomId"], person, message["seq"])
            if not (before.may_see(*place) or after.may_see(*place)):
                yield f"the text of message {message['seq']}"


def _rooms_of(frame: Frame) -> Iterator[str]:
    if frame["type"] in NO_CONTENT:
        return
    if "roomId" in frame:
        yield frame["roomId"]
    if "room" in frame:
        yield frame["room"]["id"]
    for room in frame.get("rooms", ()):
        yield room["id"]


def _changes(person: str, before: State, after: State) -> Iterator[tuple[str, bool, str]]:
    """Each change: its kind, whether this person may make it, and what it is."""
    yield from _room_changes(person, before, after)
    for key in before.members.keys() | after.members.keys():
        was, now = before.member(*key), after.member(*key)
        if was != now and key[0] in after.rooms:
            yield from _member_changes(person, before, after, *key)
    for key in before.messages.keys() | after.messages.keys():
        was, now = before.messages.get(key), after.messages.get(key)
        if was != now and key[0] in after.rooms:
            yield _message_change(person, before, after, key)
    if before.banned != after.banned:
        yield "server ban", person == "admin", f"bans from the chat are {set(after.banned)}"


def _room_changes(person: str, before: State, after: State) -> Iterator[tuple[str, bool, str]]:
    for room, now in after.rooms.items():
        was = before.rooms.get(room)
        if was is None:
            yield "new room", person not in before.banned, f"made {room}"
            continue
        for name in now:
            if now[name] != was[name]:
                needed = RANKS["owner"] if name in ("history", "closed") else RANKS["moderator"]
                allowed = before.may_read(room, person) and before.rank(room, person) >= needed
                yield name, allowed or room in before.transient, f"set {name} of {room} to {now[name]}"


def _member_changes(
    person: str, before: State, after: State, room: str, target: str
) -> Iterator[tuple[str, bool, str]]:
    was, now = before.member(room, target), after.member(room, target)
    mine, theirs = before.rank(room, person), before.rank(room, target)
    outranks = before.may_read(room, person) and mine >= RANKS["moderator"] and mine > theirs
    if was.role != now.role:
        yield "role", _may_set_role(person, before, room, target, now.role), f"{target} is {now.role} of {room}"
    if (was.is_banned, was.is_muted) != (now.is_banned, now.is_muted):
        yield "ban or mute", outranks and person != target, f"{target} is {now} in {room}"


def _may_set_role(person: str, before: State, room: str, target: str, role: str) -> bool:
    is_new = room not in before.rooms or room in before.transient
    if person == target:
        own = before.member(room, person).role
        is_lower = before.may_read(room, person) and RANKS[role] < RANKS[own]
        return is_new or is_lower or role == "none" or (role == "member" and own == "none")
    if not before.may_read(room, person):
        return False
    mine, theirs = before.rank(room, person), before.rank(room, target)
    if role == "member" and before.member(room, target).role == "none":
        return mine >= RANKS["member"]
    needed = RANKS["moderator"] if role == "none" else RANKS["owner"]
    return mine >= needed and mine > theirs and RANKS[role] < max(mine, RANKS["owner"] + 1)


def _message_change(person: str, before: State, after: State, key: tuple[str, int]) -> tuple[str, bool, str]:
    room, seq = key
    was, now = before.messages.get(key), after.messages.get(key)
    if was is None or now is None:
        return (
            "message",
            now is not None and now[0] == person and before.may_post(room, person),
            f"{room} {seq} is {now}",
        )
    is_own, is_deletion = was[0] == person, now[2]
    moderates = before.rank(room, person) >= RANKS["moderator"] and is_deletion
    allowed = before.may_read(room, person) and (is_own or moderates)
    return "deletion" if is_deletion else "edit", allowed, f"{room} {seq} is {now}"
