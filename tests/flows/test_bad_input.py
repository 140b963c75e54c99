"""Bad frames: each gets one clear, typed error and costs its sender nothing more; nobody else notices."""

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any

from tests.flows.frames import enter, undisturbed
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess

ROOM = "bad-input"


def _packed(raw: bytes) -> str:
    return base64.b64encode(gzip.compress(raw)).decode()


def _frame(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


@dataclass(frozen=True)
class Bad:
    name: str
    raw: str | bytes
    code: str
    words: str = ""  # a part of the error's message

    def __str__(self) -> str:
        return self.name


TWICE = _frame("compressed", data=_packed(b'{"type": "ping"}')).encode()
BAD = [
    # no JSON
    Bad("empty text", "", "bad-json"),
    Bad("a word", "hello", "bad-json"),
    Bad("half an object", '{"type": "ping"', "bad-json"),
    Bad("two objects", '{"type": "ping"}{"type": "ping"}', "bad-json"),
    Bad("NaN", '{"type": "get-history", "roomId": "x", "limit": NaN}', "bad-json"),
    Bad("a lone surrogate", '{"type": "chat", "message": "\\ud800"}', "bad-json"),
    Bad("a swapped pair of surrogates", '{"type": "chat", "message": "\\udc00\\ud800"}', "bad-json"),
    Bad("a raw control character", '{"type": "chat", "message": "\x01"}', "bad-json"),
    Bad("deep objects", '{"type": "ping", "x": ' + '{"a":' * 10_500 + "1" + "}" * 10_501, "bad-json"),
    # JSON, but no frame
    Bad("binary", b'{"type": "ping"}', "bad-frame", "binary"),
    Bad("an array", "[]", "bad-frame", "object"),
    Bad("an array of frames", '[{"type": "ping"}]', "bad-frame", "object"),
    Bad("deep arrays", "[" * 30_000, "bad-frame", "object"),
    Bad("a number", "1", "bad-frame", "object"),
    Bad("a text", '"ping"', "bad-frame", "object"),
    Bad("null", "null", "bad-frame", "object"),
    Bad("no type", "{}", "bad-frame", "type"),
    Bad("a number as type", '{"type": 1}', "bad-frame"),
    Bad("null as type", '{"type": null}', "bad-frame"),
    Bad("an unknown type", _frame("fly"), "unknown-type", "fly"),
    Bad("a type of the server", _frame("welcome"), "unknown-type"),
    Bad("a very long type", _frame("x" * 10_000), "unknown-type"),
    # a field is missing or wrong
    Bad("no room", _frame("join-room"), "bad-frame", "roomId"),
    Bad("null as room", _frame("join-room", roomId=None), "bad-frame", "roomId"),
    Bad("a number as room", _frame("join-room", roomId=7), "bad-frame", "roomId"),
    Bad("a list as room", _frame("create-room", roomId=["x"]), "bad-frame", "roomId"),
    Bad("no content", _frame("chat-message", roomId=ROOM), "bad-frame", "content"),
    Bad("a number as content", _frame("chat-message", roomId=ROOM, content=7), "bad-frame", "content"),
    Bad("an object as content", _frame("chat-message", roomId=ROOM, content={"a": 1}), "bad-frame", "content"),
    Bad("no message", _frame("chat"), "bad-frame", "message"),
    Bad("no token", _frame("auth"), "bad-frame", "token"),
    Bad("a number as token", _frame("auth", token=7), "bad-frame", "token"),
    Bad("a number as client id", _frame("chat-message", roomId=ROOM, content="x", clientId=7), "bad-frame", "clientId"),
    Bad("an empty client id", _frame("chat-message", roomId=ROOM, content="x", clientId=""), "bad-frame", "clientId"),
    # numbers
    Bad("limit 0", _frame("get-history", roomId=ROOM, limit=0), "bad-frame", "limit"),
    Bad("limit -1", _frame("get-history", roomId=ROOM, limit=-1), "bad-frame", "limit"),
    Bad("limit 1.5", _frame("get-history", roomId=ROOM, limit=1.5), "bad-frame", "limit"),
    Bad("limit 1e400", '{"type": "get-history", "roomId": "x", "limit": 1e400}', "bad-frame", "limit"),
    Bad("limit of 5,000 digits", '{"type": "get-history", "roomId": "x", "limit": ' + "9" * 5000 + "}", "bad-frame"),
    Bad("before 2**64", _frame("get-history", roomId=ROOM, before=2**64), "bad-frame", "before"),
    Bad("after -1", _frame("get-history", roomId=ROOM, after=-1), "bad-frame", "after"),
    # content
    Bad("empty content", _frame("chat-message", roomId=ROOM, content=""), "bad-frame", "empty"),
    Bad("blank content", _frame("chat-message", roomId=ROOM, content=" \n\t\u3000"), "bad-frame", "empty"),
    Bad("empty chat", _frame("chat", message=""), "bad-frame", "empty"),
    Bad("NUL in content", _frame("chat-message", roomId=ROOM, content="a\0b"), "bad-frame", "NUL"),
    Bad("NUL in chat", _frame("chat", message="a\0b"), "bad-frame", "NUL"),
    Bad("NUL in a broadcast", _frame("admin-broadcast", content="a\0b"), "bad-frame", "NUL"),
    Bad("NUL in a client id", _frame("chat-message", roomId=ROOM, content="x", clientId="a\0b"), "bad-frame"),
    Bad("content too long", _frame("chat-message", roomId=ROOM, content="x" * 4001), "too-large", "4000"),
    Bad("chat too long", _frame("chat", message="x" * 4001), "too-large", "4000"),
    # room names
    *(
        Bad(f"{kind} of {name}", _frame(kind, roomId=value, content="x"), "bad-frame", "room name")
        for kind in ("create-room", "join-room", "leave-room", "chat-message", "get-history")
        for name, value in {
            "an empty name": "",
            "a name of 81 characters": "x" * 81,
            "a name with a space": "a b",
            "a name with a slash": "a/b",
            "a name with NUL": "a\0b",
            "a name with an invisible character": "a\u200bb",
        }.items()
    ),
    # what is not allowed or not there
    Bad("a message to a room not joined", _frame("chat-message", roomId="elsewhere", content="x"), "not-in-room"),
    Bad("leaving a room not joined", _frame("leave-room", roomId="elsewhere"), "not-in-room"),
    Bad("the history of no room", _frame("get-history", roomId="no-such-room"), "no-such-room"),
    # compressed
    Bad("compressed without data", _frame("compressed"), "bad-frame", "data"),
    Bad("compressed, no base64", _frame("compressed", data="%%%"), "bad-frame", "base64"),
    Bad("compressed, beyond ASCII", _frame("compressed", data="é"), "bad-frame", "base64"),
    Bad("compressed, no gzip", _frame("compressed", data="aGVsbG8="), "bad-frame", "gzip"),
    Bad("compressed, cut off", _frame("compressed", data=_packed(b'{"type": "ping"}' * 9)[:40]), "bad-frame", "gzip"),
    Bad("compressed, nothing in it", _frame("compressed", data=""), "bad-frame", "gzip"),
    Bad("compressed, no JSON in it", _frame("compressed", data=_packed(b"hello")), "bad-json"),
    Bad("compressed, no UTF-8 in it", _frame("compressed", data=_packed(b'{"type": "\xff"}')), "bad-json"),
    Bad("compressed, unknown type in it", _frame("compressed", data=_packed(b'{"type": "fly"}')), "unknown-type"),
    Bad("compressed twice", _frame("compressed", data=_packed(TWICE)), "bad-frame"),
    Bad("compressed, a bomb", _frame("compressed", data=_packed(b" " * 10_000_000)), "too-large"),
]  # fmt: skip


async def test_each_bad_frame_gets_one_clear_error(server: ServerProcess, admin: Person, alice: Person) -> None:
    wrong: list[str] = []
    async with undisturbed(server, alice, ROOM), ChatClient.connect(server.ws_url, admin.token) as client:
        await enter(client, ROOM)
        for bad in BAD:
            client.log.clear()
            await client.send_text(bad.raw)
            await client.call("ping")
            frames = client.log[:-1]
            if [(frame["type"], frame.get("code")) for frame in frames] != [("error", bad.code)]:
                wrong.append(f"{bad}: {frames}")
            elif bad.words not in frames[0]["message"] or len(frames[0]["message"]) > 200:
                wrong.append(f"{bad}: {frames[0]['message']}")
    assert not wrong, "\n".join(wrong)


async def test_an_error_names_the_command_it_answers(server: ServerProcess, alice: Person) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        for bad in ({"type": "fly"}, {"type": "join-room", "roomId": 7}, {"type": "join-room", "roomId": ""}, {}):
            await client.send_text(json.dumps({**bad, "id": "mine"}))
            assert (await client.expect("error"))["id"] == "mine"
        await client.send_text('{"type": "chat", "id": "no JSON", "message": "\\ud800"}')
        assert (await client.expect("error", code="bad-json"))["id"] == "no JSON"


async def test_a_known_emoji_or_an_unknown_field_is_not_bad_input(server: ServerProcess, alice: Person) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await enter(client, ROOM)
        content = "👩‍👩‍👧 \u202e\ufeff\r\n'; DROP TABLE x; --" + "x" * 100
        await client.send("chat-message", roomId=ROOM, content=content, extra={"deep": [1]}, user="me")
        assert (await client.expect("chat-message"))["content"] == content
        await client.send("chat-message", roomId=ROOM, content="𝒳" * 4000)  # characters, not bytes
        await client.expect("chat-message", content="𝒳" * 4000)
