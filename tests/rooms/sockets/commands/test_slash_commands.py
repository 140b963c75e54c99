"""Slash commands by a socket: who is answered, what takes a number, and what is only a text."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings

from rooms import commands, database
from rooms.errors import BadFrame, Conflict, Forbidden, RateLimited, UnknownCommand
from rooms.models import Membership, Message, Room
from rooms.protocol.commands.posting import SendChatMessage
from rooms.protocol.commands.slash_commands import GetCommands
from tests.support.connections import Client
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = Path(__file__).resolve().parents[4] / "docs/integrate.md"


@pytest.fixture
def moderated(hall: Room, people: SimpleNamespace) -> Room:
    Membership.objects.create(room=hall, user=people.alice, role=Membership.Role.MODERATOR)
    return hall


@pytest.fixture
def _no_commands_left() -> Iterator[None]:
    yield
    for name in list(commands.registered()):
        commands.unregister(name)


def write(content: str, **fields: Any) -> SendChatMessage:
    return SendChatMessage(room_id="hall", content=content, **fields)


async def test_a_command_is_answered_to_its_sender_alone(moderated: Room, alice: Client, bob: Client) -> None:
    for client in (alice, bob):
        await client.join("hall")
        client.frames.clear()
    await alice.do(write("/topic news", id="1"))
    result = {"type": "command-result", "roomId": "hall", "command": "topic", "text": "The topic was changed."}
    await eventually(lambda: alice.got("command-result"))
    assert (alice.got("ack"), alice.got("command-result")) == ([{"type": "ack", "id": "1", "roomId": "hall"}], [result])
    await eventually(lambda: bob.got("chat-message"))
    [said] = bob.got("chat-message")
    assert (said["kind"], said["event"], said["seq"]) == ("system", {"name": "room-updated", "topic": "news"}, 1)
    assert not bob.got("command-result")
    await alice.do(write("/topic"))
    assert [one["text"] for one in alice.got("command-result")] == ["The topic was changed.", "news"]
    assert len(alice.got("ack")) == 1
    assert await database.call(Message.objects.count) == 1


async def test_a_command_that_is_refused_sends_nothing(moderated: Room, alice: Client, bob: Client) -> None:
    await bob.join("hall")
    for content, error in (("/topic x", Forbidden), ("/topics x", UnknownCommand), ("/me", BadFrame)):
        with pytest.raises(error):
            await bob.do(write(content, id="1"))
    assert await database.call(Message.objects.count) == 0


async def test_a_command_that_is_sent_again_acts_again_and_takes_a_token(
    moderated: Room, alice: Client, settings: LazySettings
) -> None:
    settings.CHAT_RATE_MESSAGES = "1/min burst 1"
    await alice.join("hall")
    await alice.do(write("/topic", client_id="c"))
    with pytest.raises(RateLimited):
        await alice.do(write("/topic", client_id="c"))


async def test_a_command_takes_no_files(moderated: Room, alice: Client) -> None:
    await alice.join("hall")
    with pytest.raises(BadFrame):
        await alice.do(write("/topic", attachments=["a" * 32]))


async def test_what_one_does_and_a_text_with_a_slash_are_messages(hall: Room, alice: Client, bob: Client) -> None:
    for client in (alice, bob):
        await client.join("hall")
    for content in ("/me waves", "/me waves"):
        await alice.do(write(content, id="1", client_id="c"))
    for content in ("//topic news", "/usr/bin"):
        await alice.do(write(content))
    await eventually(lambda: len(bob.got("chat-message")) == 3)
    shown = [(one["content"], one.get("kind"), one["seq"]) for one in bob.got("chat-message")]
    assert shown == [("waves", "action", 1), ("/topic news", None, 2), ("/usr/bin", None, 3)]
    assert {one["seq"] for one in alice.got("ack")} == {1}


async def test_the_commands_are_listed(hall: Room, alice: Client) -> None:
    await alice.do(GetCommands(id="1", room_id="hall"))
    [answer] = alice.got("commands")
    assert [one["name"] for one in answer["commands"]] == ["me", "help"]


@pytest.mark.usefixtures("_no_commands_left")
async def test_the_example_of_the_documents_works(moderated: Room, alice: Client, bob: Client) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    [example] = [block for block in blocks if "commands.register" in block]
    found: dict[str, Any] = {}
    exec(compile(example, "integrate.md", "exec"), found)  # noqa: S102 - the text of our own page
    found["ShopConfig"].ready(None)
    for client in (alice, bob):
        await client.join("hall")
    with pytest.raises(Conflict, match="no order"):
        await alice.do(write("/ship x"))
    with pytest.raises(Forbidden):
        await bob.do(write("/ship 7"))
    await alice.do(write("/ship 7"))
    assert [one["text"] for one in alice.got("command-result")] == ["Order 7 is on its way."]
    await eventually(lambda: bob.got("chat-message"))
    [said] = bob.got("chat-message")
    assert (said["content"], said["user"]["username"]) == ("Order 7 was shipped.", "alice")
