"""What tests of messages that are written in pieces share: a bot, and what a client makes of the frames it is sent."""

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

from accounts.models import User
from rooms.callers import CODE
from rooms.models import Membership, Room
from rooms.services import bots

ANSWER = "Hello, wörld! 你好 👩‍👩‍👧 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 e\u0301 — the end. 🎉"


def make_bot(room: Room, name: str = "helper") -> User:
    """A bot that is a member of a room."""
    bot = bots.create(actor=CODE, name=name)
    Membership.objects.create(room=room, user=bot.user)
    user: User = bot.user
    return user


def pieces(text: str, random: Random) -> list[tuple[int, str]]:
    """The text cut at random places, each piece with its offset."""
    places = sorted({0, len(text), *(random.randrange(len(text)) for _ in range(random.randrange(1, 20)))})
    return [(start, text[start:end]) for start, end in pairwise(places)]


@dataclass
class Reader:
    """One message as a client has it, by the rules of the protocol page."""

    seq: int = 2
    text: str | None = None
    is_open: bool = False
    missing: list[int] = field(default_factory=list)  # offsets that it would ask `get-stream` for

    def take(self, frame: dict[str, Any]) -> None:
        if frame.get("seq", self.seq) != self.seq:
            return
        match frame["type"]:
            case "chat-message" | "message-edited":
                self.is_open = frame.get("streaming", False)
                self.text = frame["content"] if not (self.is_open and self.text) else self.text
            case "message-history":
                for message in frame["messages"]:
                    self.take(message)
            case "message-append" | "stream" if self.is_open:
                self._append(frame["offset"], frame["text"])

    def _append(self, offset: int, text: str) -> None:
        known = self.text or ""
        if offset > len(known):
            self.missing.append(len(known))
        elif offset + len(text) > len(known):
            self.text = known + text[len(known) - offset :]
