"""Any text, any JSON, any almost right frame on one real socket: one answer each, and alive at the end."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from tests.support.client import Frame
from tests.support.servers import Person, ServerProcess

ROOM = "any-input"
pytestmark = pytest.mark.parametrize("server", ["uvicorn"], indirect=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KINDS = ["ping", "auth", "create-room", "join-room", "leave-room", "chat-message", "room-message", "chat", "get-rooms"]
KINDS += ["get-history", "get-online-users", "admin-broadcast", "compressed"]
FIELDS = ["roomId", "room", "content", "message", "limit", "before", "after", "clientId", "data", "id", "x"]
FRAMES = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    st.sampled_from(KINDS) | JSON,
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.sampled_from([ROOM, 1, "x"]), max_size=4),
)
# A lone surrogate has no UTF-8, so it travels as an escape only.
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | (JSON | FRAMES).map(json.dumps)


def _ends(frame: dict[str, Any]) -> bool:
    """May this frame be the whole answer to some command, or is it one of those that come besides?"""
    return frame["type"] not in ("user-joined", "user-left", "message-history", "chat-message", "room-message", "chat")


@contextmanager
def _talk(url: str, token: str) -> Iterator[Callable[[str], list[Frame]]]:
    """One socket for many questions: sends a text and answers all that came before the pong that follows it."""
    with connect(url, compression=None, proxy=None, max_size=None) as socket:

        def until(kind: str, **fields: str) -> list[Frame]:
            frames: list[Frame] = []
            while True:
                frame = json.loads(socket.recv(timeout=5))
                if frame["type"] == kind and fields.items() <= frame.items():
                    return frames
                frames.append(frame)

        def talk(text: str) -> list[Frame]:
            socket.send(text)
            socket.send(json.dumps({"type": "ping", "id": "the end"}))
            return until("pong", id="the end")

        socket.send(json.dumps({"type": "auth", "token": token}))
        until("auth-success")
        talk(json.dumps({"type": "join-room", "roomId": ROOM}))
        yield talk


def test_whatever_comes_the_socket_answers_and_lives(server: ServerProcess, alice: Person) -> None:
    with _talk(server.ws_url, alice.token) as talk:

        @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(text=TEXTS)
        def anything(text: str) -> None:
            answers = talk(text)
            assert sum(map(_ends, answers)) <= 1, answers
            errors = [frame for frame in answers if frame["type"] == "error"]
            assert not [frame for frame in errors if frame["code"] == "internal"], errors
            try:
                kind = json.loads(text).get("type")
            except (ValueError, AttributeError):
                kind = None
            if kind not in KINDS:
                assert [frame["type"] for frame in answers] == ["error"]

        anything()
