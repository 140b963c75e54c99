"""What a client sends: each command by itself, with what it needs, what it takes besides and what it refuses."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsite.errors import BadFrame
from rooms import protocol

TAGS = [command.__struct_config__.tag for command in protocol.COMMANDS]
SMALLEST: dict[str, dict[str, Any]] = {
    "ping": {},
    "auth": {"token": "t"},
    "create-room": {"roomId": "r"},
    "join-room": {"roomId": "r"},
    "leave-room": {"roomId": "r"},
    "chat-message": {"roomId": "r", "content": "c"},
    "room-message": {"roomId": "r", "content": "c"},
    "chat": {"message": "m"},
    "get-rooms": {},
    "get-history": {"roomId": "r"},
    "get-online-users": {},
    "admin-broadcast": {"content": "c"},
}


@pytest.mark.parametrize("tag", SMALLEST)
def test_each_command_needs_only_its_own_fields(tag: str) -> None:
    command = protocol.decode(json.dumps({"type": tag, **SMALLEST[tag]}))
    assert command.__struct_config__.tag == tag
    assert command.id is None


@pytest.mark.parametrize("tag", SMALLEST)
def test_fields_nobody_knows_are_ignored(tag: str) -> None:
    strange = {"user": {"id": "1"}, "timestamp": [1], "somethingNew": None}
    plain = protocol.decode(json.dumps({"type": tag, **SMALLEST[tag]}))
    assert protocol.decode(json.dumps({"type": tag, **SMALLEST[tag], **strange})) == plain


def test_the_table_has_every_command_but_compressed() -> None:
    assert set(SMALLEST) == set(TAGS) - {"compressed"}


@given(st.data())
def test_every_command_survives_its_own_encoding(data: st.DataObject) -> None:
    tag = data.draw(st.sampled_from(list(SMALLEST)))
    texts = {name: data.draw(st.text(min_size=1)) for name in SMALLEST[tag]}
    command = protocol.decode(json.dumps({"type": tag, "id": "7", **texts}))
    assert protocol.decode(msgspec.json.encode(command)) == command


def test_only_pings_auth_and_their_wrapping_come_before_signing_in() -> None:
    early = {tag for tag, command in zip(TAGS, protocol.COMMANDS, strict=True) if command.before_auth}
    assert early == {"ping", "auth", "compressed"}


@pytest.mark.parametrize("kind", ["join-room", "leave-room"])
def test_a_room_may_be_named_as_older_clients_do(kind: str) -> None:
    for fields in ({"roomId": "r"}, {"room": "r"}, {"roomId": "r", "room": "other"}):
        command = protocol.decode(json.dumps({"type": kind, **fields}))
        assert isinstance(command, protocol.EitherRoomCommand)
        assert command.name == "r"
    nameless = protocol.decode(json.dumps({"type": kind}))
    assert isinstance(nameless, protocol.EitherRoomCommand)
    with pytest.raises(BadFrame, match="roomId"):
        _ = nameless.name


def test_chat_takes_message_or_content() -> None:
    for fields in ({"message": "hi"}, {"content": "hi"}, {"message": "hi", "content": "other"}):
        command = protocol.decode(json.dumps({"type": "chat", **fields}))
        assert isinstance(command, protocol.SendChat)
        assert command.text == "hi"
    with pytest.raises(BadFrame, match="message"):
        _ = protocol.SendChat().text
