"""What the server sends: spelled byte for byte as existing clients read it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.protocol.codec import encode
from rooms.protocol.commands import COMMANDS
from rooms.protocol.frames import FRAMES
from rooms.protocol.frames.announcements import AdminMessage, Chat, Notification
from rooms.protocol.frames.base import Frame, UserRef
from rooms.protocol.frames.blocks import Blocks
from rooms.protocol.frames.changes import MessageDeleted, MessageEdited
from rooms.protocol.frames.deletions import MessagesDeleted
from rooms.protocol.frames.directory import Users
from rooms.protocol.frames.edits import Version, Versions
from rooms.protocol.frames.history import Heads, MessageBatch, MessageHistory
from rooms.protocol.frames.invitations import Invitation
from rooms.protocol.frames.marks import Readers, ReadMarker, Unread, UnreadRooms
from rooms.protocol.frames.members import Member, Members, RoomAdded, RoomOpened, RoomRemoved
from rooms.protocol.frames.mentions import MentionNotice, Missed, MissedMessage
from rooms.protocol.frames.moderation import MemberUpdated, RoomUpdated
from rooms.protocol.frames.people import UserUpdated
from rooms.protocol.frames.pins import Pins
from rooms.protocol.frames.posting import ChatMessage, RoomMessage
from rooms.protocol.frames.presence import OnlineUser, OnlineUsers, RoomMembers, UserJoined, UserLeft
from rooms.protocol.frames.reactions import Reacted, ReactionKind, ReactionOf, Reactions
from rooms.protocol.frames.replies import ReplyTo
from rooms.protocol.frames.rooms import RoomCreated, RoomInfo, RoomJoined, RoomLeft, RoomRef, RoomsList, WholeRoom
from rooms.protocol.frames.search import Part, SearchResult, SearchResults
from rooms.protocol.frames.session import (
    Ack,
    AuthExpiring,
    AuthFailed,
    AuthSuccess,
    Compressed,
    Error,
    Pong,
    ServerDraining,
    SignedInUser,
    Welcome,
)
from rooms.protocol.frames.slash_commands import CommandInfo, CommandResult, Commands
from rooms.protocol.frames.streams import MessageAppended, StreamText
from rooms.protocol.frames.threads import Replies
from rooms.protocol.frames.typing import Typing

NOW = "2026-01-02T03:04:05.678Z"
ALICE = UserRef("1", "alice")
ALICE_JSON = '{"id":"1","username":"alice"}'
HELLO: dict[str, Any] = {
    "room_id": "r", "user": ALICE, "content": "hi", "timestamp": NOW, "message_id": "9", "seq": 3, "changed_seq": 4
}  # fmt: skip
HELLO_JSON = (
    '"roomId":"r","user":{"id":"1","username":"alice"},"content":"hi",'
    f'"timestamp":"{NOW}","messageId":"9","seq":3,"changedSeq":4'
)
FIELDS: Any = ("A room", "news", "private", 3, 0, False, False, "joined", NOW)
WHOLE = (
    '"id":"r","memberCount":2,"title":"A room","topic":"news","kind":"private","headSeq":3,"slowModeS":0,'
    f'"locked":false,"closed":false,"history":"joined","createdAt":"{NOW}"'
)
MEMBER = '"user":{"id":"1","username":"alice"}'
DECIDED = f'"online":false,"mutedUntil":"{NOW}","bannedUntil":"{NOW}"'
HELLO_CHAT = f'{{"type":"chat-message",{HELLO_JSON}}}'
UNREAD = Unread(room_id="r", unread=2, mentions=1, read_seq=3, version=1, head_seq=9)
UNREAD_JSON = '{"roomId":"r","unread":2,"mentions":1,"readSeq":3,"version":1,"headSeq":9}'
GOLDEN: list[tuple[Frame, str]] = [
    (
        Notification(event="shipped", data={"order": 7}),
        '{"type":"notification","event":"shipped","data":{"order":7}}',
    ),
    (
        Welcome(message="Hello", timestamp=NOW, server_time=NOW),
        f'{{"type":"welcome","message":"Hello","timestamp":"{NOW}","serverTime":"{NOW}"}}',
    ),
    (
        ReadMarker(room_id="r", user=ALICE, seq=3, version=1),
        '{"type":"read-marker","roomId":"r","user":{"id":"1","username":"alice"},"seq":3,"version":1}',
    ),
    (
        UnreadRooms(rooms=[UNREAD]),
        f'{{"type":"unread","rooms":[{UNREAD_JSON}]}}',
    ),
    (
        MentionNotice(message=ChatMessage(**HELLO), why="room"),
        f'{{"type":"mention","message":{HELLO_CHAT},"why":"room"}}',
    ),
    (
        Missed(mentions=[MissedMessage(ChatMessage(**HELLO), "reply")], next="7", rooms=[UNREAD]),
        (
            f'{{"type":"missed","mentions":[{{"message":{HELLO_CHAT},"why":"reply"}}],"next":"7",'
            f'"rooms":[{UNREAD_JSON}]}}'
        ),
    ),
    (
        Readers(room_id="r", message_id="7", count=1, of=2, users=[ALICE]),
        '{"type":"readers","roomId":"r","messageId":"7","count":1,"of":2,"users":[{"id":"1","username":"alice"}]}',
    ),
    (
        Typing(room_id="r", user=ALICE, on=True, expires_in_ms=15_000),
        '{"type":"typing","roomId":"r","user":{"id":"1","username":"alice"},"on":true,"expiresInMs":15000}',
    ),
    (Users(query="al", users=[ALICE]), '{"type":"users","query":"al","users":[{"id":"1","username":"alice"}]}'),
    (
        MessageAppended(room_id="r", message_id="7", seq=3, offset=5, text="hi"),
        '{"type":"message-append","roomId":"r","messageId":"7","seq":3,"offset":5,"text":"hi"}',
    ),
    (
        StreamText(room_id="r", message_id="7", seq=3, offset=0, text="hi"),
        '{"type":"stream","roomId":"r","messageId":"7","seq":3,"offset":0,"text":"hi"}',
    ),
    (ChatMessage(**HELLO, streaming=True), f'{{"type":"chat-message",{HELLO_JSON},"streaming":true}}'),
    (MessageEdited(**HELLO, interrupted=True), f'{{"type":"message-edited",{HELLO_JSON},"interrupted":true}}'),
    (
        Error(message="No", code="conflict", retryable=False, offset=5),
        '{"type":"error","message":"No","code":"conflict","retryable":false,"offset":5}',
    ),
    (Blocks(users=[ALICE]), '{"type":"blocks","users":[{"id":"1","username":"alice"}]}'),
    (Pong(), '{"type":"pong"}'),
    (
        AuthSuccess(user=SignedInUser("1", "alice", ["user", "admin"])),
        '{"type":"auth-success","user":{"id":"1","username":"alice","roles":["user","admin"]}}',
    ),
    (AuthFailed(message="No"), '{"type":"auth-failed","message":"No"}'),
    (
        AuthFailed(message="No", code="auth-expired"),
        '{"type":"auth-failed","message":"No","code":"auth-expired"}',
    ),
    (AuthExpiring(in_ms=5), '{"type":"auth-expiring","inMs":5}'),
    (RoomCreated(room_id="r", success=False), '{"type":"room-created","roomId":"r","success":false}'),
    (RoomCreated(room_id="r", success=True), '{"type":"room-created","roomId":"r","success":true}'),
    (
        RoomJoined(room_id="r", member_count=0, head_seq=0, epoch="e"),
        '{"type":"room-joined","roomId":"r","memberCount":0,"headSeq":0,"epoch":"e"}',
    ),
    (
        RoomJoined(room_id="r", member_count=2, recovered=False, head_seq=0, epoch="e"),
        '{"type":"room-joined","roomId":"r","memberCount":2,"recovered":false,"headSeq":0,"epoch":"e"}',
    ),
    (
        MemberUpdated(room_id="r", user=UserRef("1", "alice")),
        '{"type":"member-updated","roomId":"r","user":{"id":"1","username":"alice"}}',
    ),
    (
        MemberUpdated(room_id="r", user=UserRef("1", "alice"), role="member", muted_until=NOW, kicked=True),
        (
            '{"type":"member-updated","roomId":"r","user":{"id":"1","username":"alice"},"role":"member",'
            f'"mutedUntil":"{NOW}","kicked":true}}'
        ),
    ),
    (
        RoomUpdated(
            room=RoomInfo(
                id="r",
                title="R",
                topic="",
                kind="public",
                head_seq=3,
                slow_mode_s=0,
                locked=False,
                closed=False,
                history="all",
                created_at=NOW,
            )
        ),
        (
            '{"type":"room-updated","room":{"id":"r","title":"R","topic":"","kind":"public","headSeq":3,"slowModeS":0,'
            f'"locked":false,"closed":false,"history":"all","createdAt":"{NOW}"}}}}'
        ),
    ),
    (
        MessagesDeleted(room_id="r", changed_seq=4, user=UserRef("1", "alice"), by=UserRef("2", "bob")),
        (
            '{"type":"messages-deleted","roomId":"r","changedSeq":4,"user":{"id":"1","username":"alice"},'
            '"by":{"id":"2","username":"bob"}}'
        ),
    ),
    (
        MessagesDeleted(room_id="r", changed_seq=4, message_ids=["7", "8"]),
        '{"type":"messages-deleted","roomId":"r","changedSeq":4,"messageIds":["7","8"]}',
    ),
    (
        MessageEdited(
            **HELLO,
            reactions=[ReactionKind("👍", 1, [ALICE])],
            reply_to=ReplyTo(message_id="7", root_id="5", seq=1, user=ALICE, excerpt="who?"),
            reply_count=2,
            last_reply_seq=6,
        ),
        (
            f'{{"type":"message-edited",{HELLO_JSON},"reactions":[{{"emoji":"👍","count":1,"users":[{ALICE_JSON}]}}],'
            f'"replyTo":{{"messageId":"7","rootId":"5","seq":1,"user":{ALICE_JSON},"excerpt":"who?"}},'
            '"replyCount":2,"lastReplySeq":6}'
        ),
    ),
    (
        Versions(room_id="r", message_id="9", versions=[Version("c", NOW, NOW)]),
        (
            '{"type":"versions","roomId":"r","messageId":"9",'
            f'"versions":[{{"content":"c","writtenAt":"{NOW}","replacedAt":"{NOW}"}}]}}'
        ),
    ),
    (
        Reacted(room_id="r", message_id="9", seq=3, changed_seq=4, user=ALICE, emoji="👍", on=True, count=1),
        (
            '{"type":"reaction","roomId":"r","messageId":"9","seq":3,"changedSeq":4,'
            f'"user":{ALICE_JSON},"emoji":"👍","on":true,"count":1}}'
        ),
    ),
    (
        Reactions(room_id="r", message_id="9", reactions=[ReactionOf(ALICE, "👍", NOW)], next="3"),
        (
            '{"type":"reactions","roomId":"r","messageId":"9",'
            f'"reactions":[{{"user":{ALICE_JSON},"emoji":"👍","timestamp":"{NOW}"}}],"next":"3"}}'
        ),
    ),
    (
        Replies(room_id="r", message_id="9", messages=[ChatMessage(**HELLO)]),
        f'{{"type":"replies","roomId":"r","messageId":"9","messages":[{HELLO_CHAT}]}}',
    ),
    (
        CommandResult(room_id="r", command="topic", text="Changed."),
        '{"type":"command-result","roomId":"r","command":"topic","text":"Changed."}',
    ),
    (
        Commands(room_id="r", commands=[CommandInfo("me", "acts", "what I do")]),
        '{"type":"commands","roomId":"r","commands":[{"name":"me","help":"acts","usage":"what I do"}]}',
    ),
    (
        Pins(room_id="r", messages=[ChatMessage(**HELLO)]),
        f'{{"type":"pins","roomId":"r","messages":[{HELLO_CHAT}]}}',
    ),
    (RoomLeft(room_id="r"), '{"type":"room-left","roomId":"r"}'),
    (
        UserJoined(room_id="r", user=ALICE, timestamp=NOW),
        f'{{"type":"user-joined","roomId":"r","user":{{"id":"1","username":"alice"}},"timestamp":"{NOW}"}}',
    ),
    (
        UserLeft(room_id="r", user=ALICE, timestamp=NOW),
        f'{{"type":"user-left","roomId":"r","user":{{"id":"1","username":"alice"}},"timestamp":"{NOW}"}}',
    ),
    (UserUpdated(user=ALICE), '{"type":"user-updated","user":{"id":"1","username":"alice"}}'),
    (
        UserUpdated(user=UserRef("1", "deleted user"), deleted=True),
        '{"type":"user-updated","user":{"id":"1","username":"deleted user"},"deleted":true}',
    ),
    (ChatMessage(**HELLO), HELLO_CHAT),
    (RoomMessage(**HELLO), f'{{"type":"room-message",{HELLO_JSON}}}'),
    (ChatMessage(**HELLO, client_id="c"), f'{{"type":"chat-message",{HELLO_JSON},"clientId":"c"}}'),
    (
        MessageEdited(**HELLO, edited_at=NOW),
        f'{{"type":"message-edited",{HELLO_JSON},"editedAt":"{NOW}"}}',
    ),
    (
        MessageDeleted(room_id="r", message_id="9", seq=3, changed_seq=4),
        '{"type":"message-deleted","roomId":"r","messageId":"9","seq":3,"changedSeq":4}',
    ),
    (
        MessageHistory(room_id="r", messages=[ChatMessage(**HELLO), RoomMessage(**HELLO)]),
        f'{{"type":"message-history","roomId":"r","messages":[{HELLO_CHAT},{{"type":"room-message",{HELLO_JSON}}}]}}',
    ),
    (MessageHistory(room_id="r", messages=[]), '{"type":"message-history","roomId":"r","messages":[]}'),
    (
        MessageBatch(room_id="r", messages=[ChatMessage(**HELLO)], timestamp=NOW),
        f'{{"type":"message-batch","roomId":"r","messages":[{HELLO_CHAT}],"timestamp":"{NOW}"}}',
    ),
    (Compressed(data="H4sI"), '{"type":"compressed","data":"H4sI"}'),
    (RoomMembers(room_id="r", member_count=500), '{"type":"room-members","roomId":"r","memberCount":500}'),
    (ServerDraining(reconnect_in_ms=5), '{"type":"server-draining","reconnectInMs":5}'),
    (Heads(rooms={"r": 3}), '{"type":"heads","rooms":{"r":3}}'),
    (
        Chat(user=ALICE, message="hi", timestamp=NOW),
        f'{{"type":"chat","user":{{"id":"1","username":"alice"}},"message":"hi","timestamp":"{NOW}"}}',
    ),
    (RoomsList(rooms=[]), '{"type":"rooms-list","rooms":[]}'),
    (
        RoomsList(rooms=[RoomRef("r", 2)]),
        '{"type":"rooms-list","rooms":[{"id":"r","memberCount":2}]}',
    ),
    (RoomsList(rooms=[], next="r"), '{"type":"rooms-list","rooms":[],"next":"r"}'),
    (
        RoomAdded(room=WholeRoom("r", 2, *FIELDS, role="member", level="all", link="/orders/1/")),
        f'{{"type":"room-added","room":{{{WHOLE},"role":"member","level":"all","link":"/orders/1/"}}}}',
    ),
    (RoomOpened(room=WholeRoom("r", 2, *FIELDS)), f'{{"type":"room-opened","room":{{{WHOLE}}}}}'),
    (RoomRemoved(room_id="r"), '{"type":"room-removed","roomId":"r"}'),
    (
        Members(room_id="r", members=[Member(ALICE, "owner", online=True)], next="1"),
        f'{{"type":"members","roomId":"r","members":[{{{MEMBER},"role":"owner","online":true}}],"next":"1"}}',
    ),
    (
        Members(room_id="r", members=[Member(ALICE, "none", online=False, muted_until=NOW, banned_until=NOW)]),
        f'{{"type":"members","roomId":"r","members":[{{{MEMBER},"role":"none",{DECIDED}}}]}}',
    ),
    (
        Invitation(room_id="r", code="c", url="/invitation/c/", expires_at=NOW, uses=0),
        f'{{"type":"invitation","roomId":"r","code":"c","url":"/invitation/c/","expiresAt":"{NOW}","uses":0}}',
    ),
    (
        SearchResults(
            query="h",
            results=[SearchResult(ChatMessage(**HELLO), [Part("h", hit=True), Part("i", hit=False)])],
            next="7",
        ),
        (
            f'{{"type":"search-results","query":"h","results":[{{"message":{HELLO_CHAT},'
            '"snippet":[{"text":"h","hit":true},{"text":"i","hit":false}]}],"next":"7"}'
        ),
    ),
    (
        OnlineUsers(users=[OnlineUser("1", "alice", NOW)]),
        f'{{"type":"online-users","users":[{{"id":"1","username":"alice","authenticatedAt":"{NOW}"}}]}}',
    ),
    (AdminMessage(content="hi", sender="root"), '{"type":"admin-message","content":"hi","from":"root"}'),
    (Ack(id="7"), '{"type":"ack","id":"7"}'),
    (
        Ack(id="7", room_id="r", seq=3, message_id="9", timestamp=NOW),
        f'{{"type":"ack","id":"7","roomId":"r","seq":3,"messageId":"9","timestamp":"{NOW}"}}',
    ),
    (
        Error(message="No", code="forbidden", retryable=False),
        '{"type":"error","message":"No","code":"forbidden","retryable":false}',
    ),
    (
        Error(id="7", message="Wait", code="rate-limited", retryable=True, retry_after_ms=5),
        '{"type":"error","id":"7","message":"Wait","code":"rate-limited","retryable":true,"retryAfterMs":5}',
    ),
]


@pytest.mark.parametrize(("frame", "text"), GOLDEN, ids=[type(frame).__name__ for frame, _ in GOLDEN])
def test_a_frame_is_spelled_as_clients_know_it(frame: Frame, text: str) -> None:
    encoded = encode(frame).decode()
    assert json.loads(encoded) == json.loads(text)
    assert len(encoded) == len(text), "the same fields in any order, and nothing else"
    assert msgspec.json.decode(encoded, type=type(frame)) == frame


def test_a_list_of_rooms_can_hold_whole_ones() -> None:
    encoded = encode(RoomsList(rooms=[WholeRoom("r", 2, *FIELDS)]))
    assert json.loads(encoded) == json.loads(f'{{"type":"rooms-list","rooms":[{{{WHOLE}}}]}}')


def test_every_frame_has_a_golden_text() -> None:
    assert {type(frame) for frame, _ in GOLDEN} == set(FRAMES)


def test_an_answer_carries_the_id_of_its_command() -> None:
    assert json.loads(encode(Pong(id="7"))) == {"type": "pong", "id": "7"}


@pytest.mark.parametrize("kind", [*COMMANDS, *FRAMES])
def test_every_field_is_in_camel_case(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        assert "_" not in field.encode_name
        assert field.encode_name[0].islower()


@given(st.text())
def test_any_text_goes_out_as_it_came_in(text: str) -> None:
    frame = Chat(user=ALICE, message=text, timestamp=NOW)
    assert json.loads(encode(frame))["message"] == text
