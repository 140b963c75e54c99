"""A simulated client, as one is written from the protocol page: it keeps a log of each room and trusts nobody.

It applies frames by `changedSeq`, resumes with `after`, and sends again what was not acknowledged.
"""

import asyncio
import base64
import gzip
import itertools
import json
import random
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.simulation.machine import Machine
from tests.simulation.network import Line

Frame = dict[str, Any]
CHANGES = {"chat-message", "room-message", "message-edited", "message-deleted", "messages-deleted", "reaction"}
ABOUT_PEOPLE = {"user-joined", "user-left", "room-members"}
ACCEPTS = ["", "heads", "message-batch", "compressed,heads", "compressed,message-batch"]
RETRYABLE = {"unavailable", "not-in-room"}


@dataclass
class Log:
    """What a client knows of one room: the text of each message from `floor` on, None when it was deleted."""

    position: int = 0
    epoch: str | None = None
    floor: int = 0
    texts: dict[int, str | None] = field(default_factory=dict)
    written: dict[int, tuple[str, str]] = field(default_factory=dict)  # author and id of each message

    def apply(self, change: Frame) -> None:
        if change["type"] == "messages-deleted":
            self._delete(change)
        elif change["seq"] >= self.floor:
            self.texts[change["seq"]] = change.get("content")
            if "user" in change:
                self.written[change["seq"]] = (change["user"]["id"], change["messageId"])
        self.position = max(self.position, change["changedSeq"])

    def _delete(self, change: Frame) -> None:
        author, ids = change.get("user", {}).get("id"), change.get("messageIds", ())
        for seq, (user_id, message_id) in self.written.items():
            if message_id in ids or (user_id == author and seq < change["changedSeq"]):
                self.texts[seq] = None

    def replace(self, page: list[Frame], head: int) -> None:
        """A page in place of all that was known before."""
        self.texts.clear()
        self.written.clear()
        self.floor = page[0]["seq"] if page else 0
        self.position = head
        for message in page:
            self.apply(message)


class Surroundings(Protocol):
    """What a client needs of the world."""

    dice: random.Random
    settling: bool

    def pick_machine(self) -> Machine | None: ...
    def pick_room(self) -> str: ...
    def pick_corner(self) -> str: ...
    def note(self, who: str, what: str) -> None: ...
    def fault(self, text: str) -> None: ...
    def check_received(self, room: str, change: Frame) -> None: ...
    def check_acknowledged(self, user_id: int, client_id: str, seq: int) -> None: ...


class Client:
    def __init__(self, name: str, user_id: int, token: str, world: Surroundings) -> None:
        self.name, self.user_id, self.world, self.dice = name, user_id, world, world.dice
        self.logs: dict[str, Log] = {}
        self.wanted: dict[str, None] = {}
        self.joined: dict[str, None] = {}  # `room-joined` and its history came
        self.pending: dict[str, tuple[str, str]] = {}  # client id → room and text, not acknowledged
        self.cuts = 0
        self.acked: dict[str, tuple[str, int, str]] = {}
        self._token = token
        self._numbers = itertools.count(1)
        self._joins: dict[str, Frame] = {}  # room → the `room-joined` whose history has not come
        self._asked: dict[str, None] = {}  # it was asked to let in, and has not answered
        self.doubtful: dict[str, None] = {}  # entering again failed: it may or may not be in there still
        self._line: Line | None = None
        self._closed = asyncio.Event()
        self._signed_in = False

    # --- What it does -------------------------------------------------------------------------------------------------
    async def live(self) -> None:
        """Connects, does this and that until it is cut, and comes back, for ever."""
        while True:
            machine = self.world.pick_machine()
            if machine is not None:
                await self._session(machine)
            await asyncio.sleep(self.dice.uniform(0.0, 1.0))

    async def _session(self, machine: Machine) -> None:
        self.world.note(self.name, f"connects to {machine.name}")
        self._closed.clear()
        line = self._line = machine.connect(self.dice.choice(ACCEPTS), self._on_text, self._on_close)
        self._signed_in = False
        self._say("auth", id="auth", token=self._token)
        while not self._closed.is_set():
            await asyncio.sleep(self.dice.expovariate(3))
            if self._signed_in and not line.broken:
                self._act()
        for rooms in (self.joined, self._joins, self._asked, self.doubtful):
            rooms.clear()

    def _act(self) -> None:
        if self.world.settling:
            self._catch_up()
            return
        weights = {
            self.speak: 40,
            self._catch_up: 15,
            self._enter: 10,
            self._visit: 10,
            self._leave: 4,
            self._enter_again: 4,
            self._repeat: 4,
            self._stall: 2,
            self._cut: 5,
        }
        [act] = self.dice.choices(list(weights), weights=list(weights.values()))
        act()

    def speak(self) -> None:
        for _ in range(self.dice.choice([1, 1, 1, 2, 5]) if self.joined else 0):
            room = self.dice.choice(list(self.joined))
            client_id = f"{self.name}-{next(self._numbers)}"
            self.pending[client_id] = (room, client_id)
            self._send_message(client_id)

    def _send_message(self, client_id: str) -> None:
        room, text = self.pending[client_id]
        kind = self.dice.choice(["chat-message", "room-message"])
        self._say(kind, id=f"{client_id}#{self.dice.randrange(100)}", clientId=client_id, roomId=room, content=text)

    def _catch_up(self) -> None:
        """Joins what it wants to be in, and sends again what was not acknowledged."""
        if self.world.settling:
            self.wanted.update(dict.fromkeys(room for room, _ in self.pending.values()))
        for room in self.wanted:
            if room not in self.joined and room not in self._asked:
                self._join(room)
        for client_id, (room, _) in self.pending.items():
            if room in self.joined:
                self._send_message(client_id)

    def _enter(self) -> None:
        room = self.world.pick_room()
        self.wanted[room] = None
        self._join(room)

    def _visit(self) -> None:
        """Looks into a room that is new, and disappears with its last visitor as long as nobody says anything."""
        room = self.world.pick_corner()
        if room in self.joined:
            self._say("leave-room", id=f"leave {room}", roomId=room)
        else:
            self._join(room)

    def _enter_again(self) -> None:
        if self.joined:
            self._join(self.dice.choice(list(self.joined)))

    def _join(self, room: str) -> None:
        self._asked[room] = None
        if room in self.logs:
            self._say(
                "join-room", id=f"join {room}", roomId=room, after=self.logs[room].position, epoch=self.logs[room].epoch
            )
        elif self.dice.random() < 0.7:
            self._say("join-room", id=f"join {room}", roomId=room, after=0)
        else:
            self._say("join-room", id=f"join {room}", roomId=room)

    def _leave(self) -> None:
        if self.joined:
            room = self.dice.choice(list(self.joined))
            self.wanted.pop(room, None)
            self._say("leave-room", id=f"leave {room}", roomId=room)

    def _repeat(self) -> None:
        """Sends something again that was acknowledged long ago, as after a lost `ack`."""
        known = [client_id for client_id, (room, _, _) in self.acked.items() if room in self.joined]
        if known:
            client_id = self.dice.choice(known)
            room = self.acked[client_id][0]
            self._say("chat-message", id=client_id, clientId=client_id, roomId=room, content=client_id)

    def _stall(self) -> None:
        if self._line:
            self._line.stall(self.dice.uniform(0.5, 5.0))

    def _cut(self) -> None:
        if self._line:
            self._line.break_off(heard_after_s=self.dice.choice([0.0, 0.0, 0.5, 5.0]))

    def _say(self, kind: str, **fields: Any) -> None:
        if self._line and not self._line.broken:
            shown = {name: value for name, value in fields.items() if name in ("id", "roomId", "after")}
            self.world.note(self.name, f"says {kind} {shown}")
            self._line.say(json.dumps({"type": kind, **fields}))

    # --- What it receives ---------------------------------------------------------------------------------------------
    def _on_close(self, code: int) -> None:
        self.world.note(self.name, f"is closed with {code}")
        self._closed.set()
        self.cuts += 1

    def _on_text(self, text: str) -> None:
        frame = json.loads(text)
        if frame["type"] == "compressed":
            frame = json.loads(gzip.decompress(base64.b64decode(frame["data"])))
        for one in frame["messages"] if frame["type"] == "message-batch" else [frame]:
            self._on_frame(one)

    def _on_frame(self, frame: Frame) -> None:
        kind, room = frame["type"], frame.get("roomId")
        seen = {name: frame[name] for name in ("id", "roomId", "seq", "changedSeq", "headSeq", "code") if name in frame}
        self.world.note(self.name, f"gets {kind} {seen}")
        if kind in CHANGES:
            self._on_change(room, frame)
        elif kind == "room-joined":
            self._joins[room] = frame
        elif kind == "message-history":
            self._on_history(room, frame["messages"])
        elif kind == "auth-success":
            self._signed_in = True
        elif kind == "room-left":
            self._is_out(room)
        elif kind == "ack":
            self._on_ack(frame)
        elif kind == "error":
            self._on_error(frame)
        elif kind in ABOUT_PEOPLE and room not in {**self.joined, **self.doubtful}:
            self.world.fault(f"{self.name} receives {kind} of {room}, where it is not")

    def _on_change(self, room: str, change: Frame) -> None:
        if room in self.doubtful:
            return
        if room not in self.joined:
            self.world.fault(f"{self.name} gets {change} of a room where it is not")
            return
        log, new = self.logs[room], change["type"] in ("chat-message", "room-message")
        if change["changedSeq"] <= log.position:
            self.world.fault(f"{self.name} is at {log.position} of {room} and gets {change}: doubled, or out of order")
        if new and change["seq"] in log.texts:
            self.world.fault(f"{self.name} has message {change['seq']} of {room} and gets it as a new one: {change}")
        self.world.check_received(room, change)
        log.apply(change)

    def _on_history(self, room: str, messages: list[Frame]) -> None:
        joined = self._joins.pop(room)
        self._asked.pop(room, None)
        for message in messages:
            self.world.check_received(room, message)
        log = self.logs.setdefault(room, Log())
        log.epoch = joined["epoch"]
        if joined.get("recovered"):
            for change in messages:
                if change["changedSeq"] > log.position:
                    log.apply(change)
            log.position = max(log.position, joined["headSeq"])
        else:
            log.replace(messages, joined["headSeq"])
        self.joined[room] = None
        self.doubtful.pop(room, None)

    def _on_ack(self, ack: Frame) -> None:
        client_id = ack["id"].split("#")[0]
        answer = (ack["roomId"], ack["seq"], ack["messageId"])
        if self.acked.setdefault(client_id, answer) != answer:
            self.world.fault(f"{self.name}'s {client_id} was acknowledged as {self.acked[client_id]}, now as {answer}")
        if ack["roomId"] not in {**self.joined, **self.doubtful}:
            self.world.fault(f"{self.name} was let out of {ack['roomId']} before {client_id} was acknowledged")
        self.world.check_acknowledged(self.user_id, client_id, ack["seq"])
        self.pending.pop(client_id, None)

    def _on_error(self, error: Frame) -> None:
        if error["code"] not in RETRYABLE:
            self.world.fault(f"{self.name} gets {error}")
        verb, _, room = error.get("id", "").partition(" ")
        if verb == "auth":
            self._say("auth", id="auth", token=self._token)
        elif verb == "join":
            self._asked.pop(room, None)
            if room in self.joined:
                self.doubtful[room] = None
            self.joined.pop(room, None)
        elif error["code"] == "not-in-room":
            room = room or self.pending.get(error["id"].split("#")[0], ("",))[0]
            self._is_out(room)

    def _is_out(self, room: str) -> None:
        for rooms in (self.joined, self._joins, self._asked, self.doubtful):
            rooms.pop(room, None)
