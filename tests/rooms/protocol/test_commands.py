"""What a client sends: the fields each command needs, accepts and refuses."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import BadFrame
from rooms.protocol.codec import decode
from rooms.protocol.commands import COMMANDS
from rooms.protocol.commands.announcements import SendChat
from rooms.protocol.commands.base import EitherRoomCommand
from rooms.protocol.commands.posting import SendChatMessage
from rooms.protocol.commands.rooms import JoinRoom

TAGS = [command.__struct_config__.tag for command in COMMANDS]
SMALLEST: dict[str, dict[str, Any]] = {
    "ping": {},
    "auth": {"token": "t"},
    "create-room": {"roomId": "r"},
    "join-room": {"roomId": "r"},
    "leave-room": {"roomId": "r"},
    "follow-room": {"roomId": "r"},
    "unfollow-room": {"roomId": "r"},
    "invite": {"roomId": "r", "username": "u"},
    "get-members": {"roomId": "r"},
    "create-invitation": {"roomId": "r"},
    "accept-invitation": {"code": "c"},
    "chat-message": {"roomId": "r", "content": "c"},
    "room-message": {"roomId": "r", "content": "c"},
    "chat": {"message": "m"},
    "get-rooms": {},
    "get-history": {"roomId": "r"},
    "search": {"query": "q"},
    "get-missed": {},
    "get-online-users": {},
    "report-message": {"roomId": "r", "messageId": "7", "reason": "r"},
    "report-user": {"username": "u", "reason": "r"},
    "block-user": {"username": "u", "on": True},
    "get-blocks": {},
    "find-users": {"query": "al"},
    "typing": {"roomId": "r"},
    "message-start": {"roomId": "r"},
    "message-append": {"roomId": "r", "messageId": "7", "offset": 0, "text": "t"},
    "message-end": {"roomId": "r", "messageId": "7"},
    "message-stop": {"roomId": "r", "messageId": "7"},
    "get-stream": {"roomId": "r", "messageId": "7"},
    "open-direct": {"users": ["u"]},
    "mark-read": {"roomId": "r", "seq": 1},
    "mark-unread": {"roomId": "r", "seq": 1},
    "get-unread": {},
    "get-readers": {"roomId": "r", "messageId": "7"},
    "hide-reads": {"on": True},
    "admin-broadcast": {"content": "c"},
    "moderate": {"roomId": "r", "username": "u", "action": "kick"},
    "update-room": {"roomId": "r"},
    "close-room": {"roomId": "r"},
    "edit-message": {"roomId": "r", "messageId": "7", "content": "c"},
    "get-versions": {"roomId": "r", "messageId": "7"},
    "react": {"roomId": "r", "messageId": "7", "emoji": "👍", "on": True},
    "get-reactions": {"roomId": "r", "messageId": "7"},
    "get-replies": {"roomId": "r", "messageId": "7"},
    "get-commands": {"roomId": "r"},
    "pin-message": {"roomId": "r", "messageId": "7", "on": True},
    "get-pins": {"roomId": "r"},
    "delete-message": {"roomId": "r", "messageId": "1"},
    "delete-messages": {"roomId": "r"},
}
# What some fields are limited to; the others may have any text.
LIMITED = {"action": st.sampled_from(["kick", "ban"]), "messageId": st.just("7"), "emoji": st.just("👍")}


@pytest.mark.parametrize("tag", SMALLEST)
def test_each_command_needs_only_its_own_fields(tag: str) -> None:
    command = decode(json.dumps({"type": tag, **SMALLEST[tag]}))
    assert command.__struct_config__.tag == tag
    assert command.id is None


@pytest.mark.parametrize("tag", SMALLEST)
def test_fields_nobody_knows_are_ignored(tag: str) -> None:
    strange = {"user": {"id": "1"}, "timestamp": [1], "somethingNew": None}
    plain = decode(json.dumps({"type": tag, **SMALLEST[tag]}))
    assert decode(json.dumps({"type": tag, **SMALLEST[tag], **strange})) == plain


def test_the_table_has_every_command_but_compressed() -> None:
    assert set(SMALLEST) == set(TAGS) - {"compressed"}


@given(st.data())
def test_every_command_survives_its_own_encoding(data: st.DataObject) -> None:
    tag = data.draw(st.sampled_from(list(SMALLEST)))
    some_text = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=64)
    given = {name: LIMITED.get(name, some_text) for name, value in SMALLEST[tag].items() if isinstance(value, str)}
    texts = {name: data.draw(texts) for name, texts in given.items()}
    command = decode(json.dumps({"type": tag, "id": "7", **SMALLEST[tag], **texts}))
    assert decode(msgspec.json.encode(command)) == command


def test_only_ping_auth_and_compressed_are_allowed_before_signing_in() -> None:
    early = {tag for tag, command in zip(TAGS, COMMANDS, strict=True) if command.before_auth}
    assert early == {"ping", "auth", "compressed"}


def test_messages_and_pings_are_not_held_up_by_earlier_messages() -> None:
    unordered = {tag for tag, command in zip(TAGS, COMMANDS, strict=True) if not command.in_order}
    assert unordered == {"chat-message", "room-message", "message-append", "ping"}


def test_a_join_resumes_after_a_seq_of_an_epoch() -> None:
    command = decode('{"type":"join-room","roomId":"r","after":7,"epoch":"e"}')
    assert isinstance(command, JoinRoom)
    assert (command.after, command.epoch) == (7, "e")
    plain = decode('{"type":"join-room","roomId":"r"}')
    assert isinstance(plain, JoinRoom)
    assert (plain.after, plain.epoch) == (None, None)


def test_an_id_is_no_client_id() -> None:
    command = decode('{"type":"chat-message","id":"1","roomId":"r","content":"c"}')
    assert isinstance(command, SendChatMessage)
    assert command.client_id is None


@pytest.mark.parametrize("kind", ["join-room", "leave-room"])
def test_a_room_may_be_named_as_older_clients_do(kind: str) -> None:
    for fields in ({"roomId": "r"}, {"room": "r"}, {"roomId": "r", "room": "other"}):
        command = decode(json.dumps({"type": kind, **fields}))
        assert isinstance(command, EitherRoomCommand)
        assert command.name == "r"
    nameless = decode(json.dumps({"type": kind}))
    assert isinstance(nameless, EitherRoomCommand)
    with pytest.raises(BadFrame, match="roomId"):
        _ = nameless.name


def test_chat_takes_message_or_content() -> None:
    for fields in ({"message": "hi"}, {"content": "hi"}, {"message": "hi", "content": "other"}):
        command = decode(json.dumps({"type": "chat", **fields}))
        assert isinstance(command, SendChat)
        assert command.text == "hi"
    with pytest.raises(BadFrame, match="message"):
        _ = SendChat().text
