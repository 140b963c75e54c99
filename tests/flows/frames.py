"""The frames that flows expect, written out: what varies from run to run compares by its form."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.client import ChatClient, Frame
from tests.support.servers import Person, ServerProcess


class Form:
    """Equal to every text of this form."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(self.pattern, other) is not None

    def __repr__(self) -> str:
        return f"<{self.pattern}>"


TIME = Form(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NUMBER = Form(r"[1-9]\d*")
EPOCH = Form(r"\w+")


def user(person: Person) -> Frame:
    return {"id": str(person.id), "username": person.username}


def message(person: Person, room: str, content: str, seq: int, kind: str = "chat-message", **fields: Any) -> Frame:
    """A message as everybody sees it: live, in the history and over REST."""
    return {
        "type": kind, "roomId": room, "user": user(person), "content": content, "timestamp": TIME,
        "messageId": NUMBER, "seq": seq, "changedSeq": seq, **fields,
    }  # fmt: skip


def came(person: Person, room: str) -> Frame:
    return {"type": "user-joined", "roomId": room, "user": user(person), "timestamp": TIME}


def left(person: Person, room: str) -> Frame:
    return {"type": "user-left", "roomId": room, "user": user(person), "timestamp": TIME}


async def enter(client: ChatClient, room: str) -> list[Frame]:
    """Joins a room as a client of the base protocol does; the messages of its history."""
    await client.send("join-room", roomId=room)
    await client.expect("room-joined", roomId=room)
    return (await client.expect("message-history", roomId=room))["messages"]


@asynccontextmanager
async def undisturbed(server: ServerProcess, person: Person, room: str) -> AsyncIterator[None]:
    """Somebody in a room who in the end has got nothing but what they asked for, and still can talk."""
    async with ChatClient.connect(server.ws_url, person.token) as witness:
        await enter(witness, room)
        before = len(witness.log)
        yield
        await witness.send("chat-message", roomId=room, content="undisturbed")
        await witness.expect("chat-message")
        kinds = [frame["type"] for frame in witness.log[before:]]
        assert [kind for kind in kinds if kind not in ("user-joined", "user-left")] == ["chat-message"]
