"""What a client may accept beyond the base protocol, batches and compressed frames; and the quiet of large rooms."""

import base64
import gzip
import json
from collections.abc import Callable

from tests.flows.frames import enter, message
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess


async def test_a_burst_comes_in_batches_to_those_who_accept_them(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    async with (
        ChatClient.connect(f"{server.ws_url}?accept=message-batch", alice.token) as batched,
        ChatClient.connect(server.ws_url, bob.token) as base,
    ):
        await enter(batched, room)
        await enter(base, room)
        for number in range(30):
            await base.send("chat-message", roomId=room, content=f"number {number}")
        for number in range(30):
            await base.expect("chat-message", content=f"number {number}")
        got: list[dict[str, object]] = []
        while len(got) < 30:
            frame = await batched._take({"roomId": room}, 5)
            got += frame["messages"] if frame["type"] == "message-batch" else [frame] if "seq" in frame else []
    assert got == [message(bob, room, f"number {number}", number + 1) for number in range(30)]
    batches = [frame for frame in batched.log if frame["type"] == "message-batch"]
    assert batches
    assert all(len(batch["messages"]) <= 20 for batch in batches)
    assert not [frame for frame in base.log if frame["type"] == "message-batch"]


async def test_long_frames_are_compressed_for_those_who_accept_it(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    long, short = "long " * 500, "short"
    async with (
        ChatClient.connect(server.ws_url) as packed,
        ChatClient.connect(server.ws_url, bob.token) as base,
    ):
        await packed.send("auth", token=alice.token, accept=["compressed"])
        await enter(packed, room)
        await enter(base, room)
        for content in (long, short):
            await base.send("chat-message", roomId=room, content=content)
        opened = json.loads(gzip.decompress(base64.b64decode((await packed.expect("compressed"))["data"])))
        plain = await packed.expect("chat-message")
        await base.expect("chat-message", content=long)
    assert opened == message(bob, room, long, 1)
    assert plain == message(bob, room, short, 2)
    assert not [frame for frame in base.log if frame["type"] == "compressed"]


async def test_a_large_room_is_told_how_many_it_is_and_not_who(
    make_server: Callable[..., ServerProcess], sqlite_url: str
) -> None:
    server = make_server("uvicorn", database_url=sqlite_url, CHAT_MAX_NOTICED_MEMBERS=2)
    people = [server.person(name) for name in ("alice", "bob", "carol", "dave")]
    async with (
        ChatClient.connect(server.ws_url, people[0].token) as a,
        ChatClient.connect(server.ws_url, people[1].token) as b,
        ChatClient.connect(server.ws_url, people[2].token) as c,
        ChatClient.connect(server.ws_url, people[3].token) as d,
    ):
        await enter(a, "hall")
        await enter(b, "hall")
        await a.expect("user-joined")
        await enter(c, "hall")
        await enter(d, "hall")
        await a.expect("room-members", roomId="hall", memberCount=4)
        await a.nothing("user-joined")
        await d.send("leave-room", roomId="hall")
        await a.expect("room-members", roomId="hall", memberCount=3)
        await c.send("leave-room", roomId="hall")
        await a.expect("user-left")
