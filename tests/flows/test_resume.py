"""Resuming: a client names the last seq it has seen and gets what changed since; what was lost on the way is found."""

from collections.abc import Callable

import pytest

from tests.flows.frames import enter, message
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess


def _change(server: ServerProcess, name: str, seq: int, **fields: str) -> None:
    """Edits or deletes a message from a process that cannot reach the server: its layer is in memory."""

    def change() -> None:
        from rooms.models import Message
        from rooms.services import changes

        message_id = Message.objects.values_list("pk", flat=True).get(room__name=name, seq=seq)
        getattr(changes, f"{fields.pop('do')}_message")(message_id=message_id, **fields)

    server.database.run(change)


async def _say(client: ChatClient, room: str, *texts: str) -> None:
    for text in texts:
        await client.call("chat-message", roomId=room, content=text)


async def test_a_client_that_resumes_gets_what_it_missed_and_nothing_twice(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as a:
        await enter(a, room)
        await _say(a, room, "1", "2", "3")
        async with ChatClient.connect(server.ws_url, bob.token) as b:
            joined = await b.call("join-room", roomId=room, after=1)
            history = await b.expect("message-history")
            await _say(a, room, "4")
            live = await b.expect("chat-message")
    assert (joined["recovered"], joined["headSeq"]) == (True, 3)
    assert [frame["seq"] for frame in history["messages"]] == [2, 3]
    assert live["seq"] == 4


async def test_what_was_edited_and_deleted_meanwhile_comes_in_the_order_of_the_changes(
    server: ServerProcess, alice: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as a:
        await enter(a, room)
        await _say(a, room, "1", "2", "3", "4")
        _change(server, room, 2, do="delete")  # changed_seq 5
        _change(server, room, 1, do="edit", content="one")  # 6
        _change(server, room, 4, do="edit", content="four")  # 7
        joined = await a.call("join-room", roomId=room, after=3)
        history = (await a.expect("message-history", roomId=room))["messages"]
    assert (joined["recovered"], joined["headSeq"]) == (True, 7)
    changes = [(frame["type"], frame["seq"], frame["changedSeq"], frame.get("content")) for frame in history]
    assert changes == [
        ("message-deleted", 2, 5, None),
        ("message-edited", 1, 6, "one"),
        ("chat-message", 4, 7, "four"),  # it never had this one
    ]


@pytest.mark.parametrize("after", [0, 9])
async def test_a_gap_that_is_too_large_or_impossible_gets_the_newest_page(
    make_server: Callable[..., ServerProcess], sqlite_url: str, after: int
) -> None:
    server = make_server("uvicorn", database_url=sqlite_url, CHAT_RESUME_MESSAGES=2)
    alice = server.person("alice")
    async with ChatClient.connect(server.ws_url, alice.token) as a:
        await enter(a, "lobby")
        await _say(a, "lobby", "1", "2", "3")
        joined = await a.call("join-room", roomId="lobby", after=after)
        history = (await a.expect("message-history"))["messages"]
    assert (joined["recovered"], joined["headSeq"]) == (False, 3)
    assert history == [message(alice, "lobby", str(seq), seq) for seq in (1, 2, 3)]


async def test_a_client_of_another_epoch_gets_the_newest_page(server: ServerProcess, alice: Person, room: str) -> None:
    """As after a restored backup: its seqs are of a history that is lost."""
    async with ChatClient.connect(server.ws_url, alice.token) as a:
        await enter(a, room)
        await _say(a, room, "1", "2")
        first = await a.call("join-room", roomId=room, after=1)
        same = await a.call("join-room", roomId=room, after=1, epoch=first["epoch"])
        other = await a.call("join-room", roomId=room, after=1, epoch="of the backup")
    assert [joined["recovered"] for joined in (first, same, other)] == [True, True, False]


async def test_a_base_clients_join_does_not_speak_of_resuming(server: ServerProcess, alice: Person, room: str) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as a:
        await a.send("join-room", roomId=room)
        assert set(await a.expect("room-joined")) == {"type", "roomId", "memberCount", "headSeq", "epoch"}


async def test_a_change_whose_event_was_lost_is_found_in_a_silent_room(
    make_server: Callable[..., ServerProcess], sqlite_url: str
) -> None:
    server = make_server("uvicorn", database_url=sqlite_url, CHAT_HEADS_INTERVAL_S=1)
    alice = server.person("alice")
    async with ChatClient.connect(f"{server.ws_url}?accept=heads", alice.token) as a:
        await enter(a, "lobby")
        await _say(a, "lobby", "1", "2")
        _change(server, "lobby", 1, do="delete")
        deleted = await a.expect("message-deleted", within=10)
        heads = await a.expect("heads", within=10, rooms={"lobby": 3})
    assert (deleted["seq"], deleted["changedSeq"]) == (1, 3)
    assert heads["rooms"] == {"lobby": 3}


async def test_heads_are_sent_only_to_those_who_accept_them(
    make_server: Callable[..., ServerProcess], sqlite_url: str
) -> None:
    server = make_server("uvicorn", database_url=sqlite_url, CHAT_HEADS_INTERVAL_S=1)
    alice, bob = server.person("alice"), server.person("bob")
    async with (
        ChatClient.connect(server.ws_url, alice.token) as base,
        ChatClient.connect(server.ws_url) as other,
    ):
        await other.send("auth", token=bob.token, accept=["heads", "no-such-addition"])
        await enter(base, "lobby")
        await enter(other, "lobby")
        await other.expect("heads", within=10)
        await base.nothing("heads")
