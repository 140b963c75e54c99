"""A connection of a node without a server: it records at once what is sent to it, and calls commands directly."""

import json
from collections.abc import Callable
from typing import Any

from accounts.models import User
from rooms import callers
from rooms.callers import Identity
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.base import Command
from rooms.services.history import Snapshot
from rooms.sockets import membership, session
from rooms.sockets.commands import HANDLERS
from rooms.storage import RoomAccess

Frame = dict[str, Any]


def identity_of(user: User, *, expires_at: float | None = None) -> Identity:
    """A caller whose proof is the stamp that the user had: a token without a sign-in and without its signature."""

    def read(proof: str) -> Identity | None:
        today = User.objects.filter(pk=user.pk).first()
        return identity_of(today, expires_at=expires_at) if today and today.stamp() == proof else None

    disconnects = callers.check_ban(user.pk)
    return Identity(
        user.pk, user.username, callers.roles(user), expires_at, disconnects=disconnects, read=read, proof=user.stamp()
    )


class Client:
    """`frames` has what came; `close` the close code and reason."""

    on_text: Callable[[str], bool] | None = None

    def __init__(self, node: Node) -> None:
        self.node = node
        self.frames: list[Frame] = []
        self.close: tuple[int, str] | None = None
        self.connection = Connection(self._send, limit_bytes=0, on_cut=lambda: None, socket=self)
        node.connections[self.connection.id] = self.connection

    def got(self, kind: str) -> list[Frame]:
        return [frame for frame in self.frames if frame["type"] == kind]

    @property
    def kinds(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    # --- What it does -------------------------------------------------------------------------------------------------
    async def sign_in(self, user: User, **fields: Any) -> None:
        """As by a token; its `auth-success` is not recorded."""

        def read(_proof: str) -> Identity:
            return identity_of(user, **fields)

        await session.sign_in_by(self.node, self.connection, read, "proof")
        self.frames = [frame for frame in self.frames if frame["type"] != "auth-success"]

    async def do(self, command: Command) -> None:
        answering = HANDLERS[type(command)](self.node, self.connection, command)
        if answering is not None:
            await answering

    async def join(
        self, name: str, after: int | None = None, epoch: str | None = None
    ) -> tuple[RoomAccess, int, Snapshot]:
        room, count, shown = await membership.join(self.node, self.connection, name, after, epoch)
        membership.activate(self.node, self.connection, room, shown)
        return room, count, shown

    async def leave(self, name: str) -> None:
        await membership.leave(self.node, self.connection, name)

    async def disconnect(self) -> None:
        self.node.connections.pop(self.connection.id, None)
        await membership.disconnect(self.node, self.connection)

    async def recheck(self) -> None:
        await session.recheck(self.node, self.connection)

    # --- Its server ---------------------------------------------------------------------------------------------------
    def watch(self, on_writable: Callable[[Callable[[bytes], None] | None], None]) -> None:
        on_writable(self._write)

    def unsent_bytes(self) -> int:
        return 0

    def abort(self) -> None:
        raise AssertionError("cut off")

    def _write(self, wire: bytes) -> None:
        while wire:
            start, size = 2, wire[1]
            if size > 125:
                start = 4 if size == 126 else 10
                size = int.from_bytes(wire[2:start], "big")
            self.frames.append(json.loads(wire[start : start + size]))
            wire = wire[start + size :]

    async def _send(self, event: dict[str, Any]) -> None:
        if event["type"] == "websocket.close":
            self.close = (event["code"], event["reason"])
        else:
            self.frames.append(json.loads(event["text"]))
