"""What the server sends: spelled byte for byte as existing clients read it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms import protocol

NOW = "2026-01-02T03:04:05.678Z"
ALICE = protocol.UserRef("1", "alice")
HELLO: dict[str, Any] = {
    "room_id": "r", "user": ALICE, "content": "hi", "timestamp": NOW, "message_id": "9", "seq": 3, "changed_seq": 4
}  # fmt: skip
HELLO_JSON = (
    '"roomId":"r","user":{"id":"1","username":"alice"},"content":"hi",'
    f'"timestamp":"{NOW}","messageId":"9","seq":3,"changedSeq":4'
)
HELLO_CHAT = f'{{"type":"chat-message",{HELLO_JSON}}}'
GOLDEN: list[tuple[protocol.Frame, str]] = [
    (
        protocol.Welcome(message="Hello", timestamp=NOW, server_time=1_767_323_045_678),
        f'{{"type":"welcome","message":"Hello","timestamp":"{NOW}","serverTime":1767323045678}}',
    ),
    (protocol.Pong(), '{"type":"pong"}'),
    (
        protocol.AuthSuccess(user=protocol.SignedInUser("1", "alice", ["user", "admin"])),
        '{"type":"auth-success","user":{"id":"1","username":"alice","roles":["user","admin"]}}',
    ),
    (protocol.AuthFailed(message="No"), '{"type":"auth-failed","message":"No"}'),
    (
        protocol.AuthFailed(message="No", code="auth-expired"),
        '{"type":"auth-failed","message":"No","code":"auth-expired"}',
    ),
    (protocol.AuthExpiring(in_ms=5), '{"type":"auth-expiring","inMs":5}'),
    (protocol.RoomCreated(room_id="r", success=False), '{"type":"room-created","roomId":"r","success":false}'),
    (protocol.RoomCreated(room_id="r", success=True), '{"type":"room-created","roomId":"r","success":true}'),
    (protocol.RoomJoined(room_id="r", member_count=0), '{"type":"room-joined","roomId":"r","memberCount":0}'),
    (
        protocol.RoomJoined(room_id="r", member_count=2, recovered=False, head_seq=0),
        '{"type":"room-joined","roomId":"r","memberCount":2,"recovered":false,"headSeq":0}',
    ),
    (protocol.RoomLeft(room_id="r"), '{"type":"room-left","roomId":"r"}'),
    (
        protocol.UserJoined(room_id="r", user=ALICE, timestamp=NOW),
        f'{{"type":"user-joined","roomId":"r","user":{{"id":"1","username":"alice"}},"timestamp":"{NOW}"}}',
    ),
    (
        protocol.UserLeft(room_id="r", user=ALICE, timestamp=NOW),
        f'{{"type":"user-left","roomId":"r","user":{{"id":"1","username":"alice"}},"timestamp":"{NOW}"}}',
    ),
    (protocol.ChatMessage(**HELLO), HELLO_CHAT),
    (protocol.RoomMessage(**HELLO), f'{{"type":"room-message",{HELLO_JSON}}}'),
    (protocol.ChatMessage(**HELLO, client_id="c"), f'{{"type":"chat-message",{HELLO_JSON},"clientId":"c"}}'),
    (
        protocol.MessageEdited(**HELLO, edited_at=NOW),
        f'{{"type":"message-edited",{HELLO_JSON},"editedAt":"{NOW}"}}',
    ),
    (
        protocol.MessageDeleted(room_id="r", message_id="9", seq=3, changed_seq=4),
        '{"type":"message-deleted","roomId":"r","messageId":"9","seq":3,"changedSeq":4}',
    ),
    (
        protocol.MessageHistory(room_id="r", messages=[protocol.ChatMessage(**HELLO), protocol.RoomMessage(**HELLO)]),
        f'{{"type":"message-history","roomId":"r","messages":[{HELLO_CHAT},{{"type":"room-message",{HELLO_JSON}}}]}}',
    ),
    (protocol.MessageHistory(room_id="r", messages=[]), '{"type":"message-history","roomId":"r","messages":[]}'),
    (
        protocol.MessageBatch(room_id="r", messages=[protocol.ChatMessage(**HELLO)], timestamp=NOW),
        f'{{"type":"message-batch","roomId":"r","messages":[{HELLO_CHAT}],"timestamp":"{NOW}"}}',
    ),
    (protocol.Compressed(data="H4sI"), '{"type":"compressed","data":"H4sI"}'),
    (protocol.RoomMembers(room_id="r", member_count=500), '{"type":"room-members","roomId":"r","memberCount":500}'),
    (protocol.ServerDraining(reconnect_in_ms=5), '{"type":"server-draining","reconnectInMs":5}'),
    (protocol.Heads(rooms={"r": 3}), '{"type":"heads","rooms":{"r":3}}'),
    (
        protocol.Chat(user=ALICE, message="hi", timestamp=NOW),
        f'{{"type":"chat","user":{{"id":"1","username":"alice"}},"message":"hi","timestamp":"{NOW}"}}',
    ),
    (protocol.RoomsList(rooms=[]), '{"type":"rooms-list","rooms":[]}'),
    (
        protocol.RoomsList(rooms=[protocol.RoomRef("r", 2)]),
        '{"type":"rooms-list","rooms":[{"id":"r","memberCount":2}]}',
    ),
    (
        protocol.OnlineUsers(users=[protocol.OnlineUser("1", "alice", NOW)]),
        f'{{"type":"online-users","users":[{{"id":"1","username":"alice","authenticatedAt":"{NOW}"}}]}}',
    ),
    (protocol.AdminMessage(content="hi", sender="root"), '{"type":"admin-message","content":"hi","from":"root"}'),
    (protocol.Ack(id="7"), '{"type":"ack","id":"7"}'),
    (
        protocol.Ack(id="7", room_id="r", seq=3, message_id="9", timestamp=NOW),
        f'{{"type":"ack","id":"7","roomId":"r","seq":3,"messageId":"9","timestamp":"{NOW}"}}',
    ),
    (
        protocol.Error(message="No", code="forbidden", retryable=False),
        '{"type":"error","message":"No","code":"forbidden","retryable":false}',
    ),
    (
        protocol.Error(id="7", message="Wait", code="rate-limited", retryable=True, retry_after_ms=5),
        '{"type":"error","id":"7","message":"Wait","code":"rate-limited","retryable":true,"retryAfterMs":5}',
    ),
]


@pytest.mark.parametrize(("frame", "text"), GOLDEN, ids=[type(frame).__name__ for frame, _ in GOLDEN])
def test_a_frame_is_spelled_as_clients_know_it(frame: protocol.Frame, text: str) -> None:
    encoded = protocol.encode(frame).decode()
    assert json.loads(encoded) == json.loads(text)
    assert len(encoded) == len(text), "the same fields in any order, and nothing else"
    assert msgspec.json.decode(encoded, type=type(frame)) == frame


def test_every_frame_has_a_golden_text() -> None:
    assert {type(frame) for frame, _ in GOLDEN} == set(protocol.FRAMES)


def test_an_answer_carries_the_id_of_its_command() -> None:
    assert json.loads(protocol.encode(protocol.Pong(id="7"))) == {"type": "pong", "id": "7"}


@pytest.mark.parametrize("kind", [*protocol.COMMANDS, *protocol.FRAMES])
def test_every_field_is_in_camel_case(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        assert "_" not in field.encode_name
        assert field.encode_name[0].islower()


@given(st.text())
def test_any_text_goes_out_as_it_came_in(text: str) -> None:
    frame = protocol.Chat(user=ALICE, message=text, timestamp=NOW)
    assert json.loads(protocol.encode(frame))["message"] == text
