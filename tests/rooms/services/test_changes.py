"""Edits and deletions on both databases: what is stored, what is published, and what changed since."""

from typing import Any

import msgspec
import pytest
from django.utils import timezone

from rooms import storage
from rooms.errors import BadFrame
from rooms.live.events import Event
from rooms.models import Message, MessageVersion, Room
from rooms.protocol.frames.base import UserRef
from rooms.protocol.frames.changes import MessageDeleted, MessageEdited
from rooms.protocol.frames.posting import ChatMessage
from rooms.services.changes import change_frame, changes_since, delete_message, edit_message, message_frame
from rooms.services.people import erase_messages
from rooms.services.posting import post_messages
from tests.support.rooms import Run, World, Writers, begins_to_wait, frames, uncommitted

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


def kinds(events: list[Event]) -> list[tuple[str, int, int]]:
    return [(frame["type"], frame["seq"], frame["changedSeq"]) for frame in frames(events)]


def test_a_deleted_message_loses_its_text_and_keeps_its_seq(run: Run, world: World, published: list[Event]) -> None:
    one, two = run(post_messages, [world.new("secret"), world.new("two")])
    published.clear()
    run(delete_message, message_id=one.id)
    stored = run(Message.objects.get, pk=one.id)
    assert (stored.content, stored.seq, stored.changed_seq) == ("", 1, 3)
    assert [message.id for message in run(storage.page, room_id=world.room.pk, limit=50)] == [two.id]
    assert [event.seq for event in published] == [3]
    assert frames(published) == [
        {"type": "message-deleted", "roomId": "lobby", "messageId": str(one.id), "seq": 1, "changedSeq": 3}
    ]


@on_sqlite
def test_deleting_twice_or_what_does_not_exist_changes_nothing(run: Run, world: World, published: list[Event]) -> None:
    [message] = run(post_messages, [world.new()])
    for _ in range(2):
        run(delete_message, message_id=message.id)
    run(delete_message, message_id=99_999)
    assert [event.seq for event in published] == [1, 2]
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 2


@on_postgres
def test_what_is_being_erased_gets_no_new_text(run: Run, world: World, writers: Writers, settings: Any) -> None:
    settings.CHAT_ERASED_MESSAGES = "delete"
    [message] = run(post_messages, [world.new("mine")])
    with uncommitted(writers(), lambda: list(erase_messages(user_id=world.alice.pk))):
        late = begins_to_wait(run, writers(), edit_message, message_id=message.id, content="still mine")
    assert late.result(20) is None
    stored = run(Message.objects.get, pk=message.id)
    assert (stored.content, stored.changed_seq) == ("", 1)
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 1
    assert not run(MessageVersion.objects.exists)


def test_an_edited_message_is_published_whole(run: Run, world: World, published: list[Event]) -> None:
    [message] = run(post_messages, [world.new("frist", "c")])
    run(edit_message, message_id=message.id, content="first")
    stored = run(storage.message, message_id=message.id)
    assert frames(published)[-1] == msgspec.to_builtins(change_frame(stored, after=1))
    assert (stored.content, stored.seq, stored.changed_seq) == ("first", 1, 2)
    assert stored.edited_at >= message.created_at
    assert kinds(published[1:]) == [("message-edited", 1, 2)]


@on_sqlite
def test_an_edit_keeps_the_rule_of_content(run: Run, world: World, published: list[Event]) -> None:
    [message] = run(post_messages, [world.new("first")])
    with pytest.raises(BadFrame):
        run(edit_message, message_id=message.id, content=" ")
    assert run(Message.objects.get, pk=message.id).content == "first"


@on_sqlite
def test_a_deleted_message_cannot_be_edited(run: Run, world: World, published: list[Event]) -> None:
    [message] = run(post_messages, [world.new()])
    run(delete_message, message_id=message.id)
    run(edit_message, message_id=message.id, content="back again")
    assert run(Message.objects.get, pk=message.id).content == ""
    assert len(published) == 2


def test_a_message_outlives_its_author(run: Run, world: World) -> None:
    [message] = run(post_messages, [world.new(client_id="c", author_id=world.bob.pk)])
    run(world.bob.delete)
    [stored] = run(storage.page, room_id=world.room.pk, limit=50)
    assert (stored.id, stored.author_id, stored.username) == (message.id, None, None)
    assert message_frame(stored).user == UserRef("0", "deleted user")


@on_postgres
def test_two_edits_at_once_take_two_seqs(run: Run, world: World, writers: Writers, published: list[Event]) -> None:
    one, two = run(post_messages, [world.new("one"), world.new("two")])
    published.clear()
    with uncommitted(writers(), edit_message, message_id=one.id, content="ONE"):
        second = begins_to_wait(run, writers(), edit_message, message_id=two.id, content="TWO")
        assert not second.done(), "the room is locked by the first"
    second.result(20)
    stored = [run(storage.message, message_id=message.id) for message in (one, two)]
    assert [(message.content, message.changed_seq) for message in stored] == [("ONE", 3), ("TWO", 4)]
    assert [event.seq for event in published] == [3, 4]
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 4


@on_postgres
def test_an_edit_and_a_message_at_once_take_two_seqs(
    run: Run, world: World, writers: Writers, published: list[Event]
) -> None:
    [one] = run(post_messages, [world.new("one")])
    published.clear()
    with uncommitted(writers(), post_messages, messages=[world.new("two")]):
        edit = begins_to_wait(run, writers(), edit_message, message_id=one.id, content="ONE")
    edit.result(20)
    assert kinds(published) == [("chat-message", 2, 2), ("message-edited", 1, 3)]


@on_postgres
def test_a_message_that_is_deleted_while_an_edit_waits_stays_deleted(
    run: Run, world: World, writers: Writers, published: list[Event]
) -> None:
    [one] = run(post_messages, [world.new("one")])
    with uncommitted(writers(), delete_message, message_id=one.id):
        edit = begins_to_wait(run, writers(), edit_message, message_id=one.id, content="back again")
    edit.result(20)
    stored = run(storage.message, message_id=one.id)
    assert (stored.content, stored.changed_seq, len(published)) == ("", 2, 2)


# --- What changed since -----------------------------------------------------------------------------------------------
def test_changes_are_what_was_published_last_of_each_message(run: Run, world: World, published: list[Event]) -> None:
    one, two, _ = run(post_messages, [world.new(text) for text in ("one", "two", "three")])
    run(delete_message, message_id=two.id)
    run(edit_message, message_id=one.id, content="ONE")
    head, events = run(changes_since, room_id=world.room.pk, after=2)
    assert head == 5
    assert kinds(events) == [("chat-message", 3, 3), ("message-deleted", 2, 4), ("message-edited", 1, 5)]
    assert events == published[2:]
    assert run(changes_since, room_id=world.room.pk, after=5) == (5, [])


def test_a_room_that_does_not_exist_or_is_removed_has_no_changes(run: Run, world: World) -> None:
    run(post_messages, [world.new()])
    run(lambda: Room.objects.filter(pk=world.room.pk).update(removed_at=timezone.now()))
    assert run(changes_since, room_id=99_999, after=3) == (3, [])
    assert run(changes_since, room_id=world.room.pk, after=0) == (0, [])


@on_sqlite
def test_a_message_that_is_new_and_changed_has_an_event_for_each(run: Run, world: World) -> None:
    """Who does not have it needs the message; who had it in their snapshot the change alone: their seqs decide."""
    one, two, _ = run(post_messages, [world.new(text) for text in ("one", "two", "three")])
    run(edit_message, message_id=two.id, content="TWO")
    run(delete_message, message_id=one.id)
    head, events = run(changes_since, room_id=world.room.pk, after=0)
    assert (head, [event.seq for event in events]) == (5, [2, 3, 4, 5])
    assert kinds(events) == [
        ("chat-message", 2, 2),
        ("chat-message", 3, 3),
        ("message-edited", 2, 4),
        ("message-deleted", 1, 5),
    ]
    assert {frame["content"] for frame in frames(events) if frame["seq"] == 2} == {"TWO"}


@on_sqlite
def test_changes_are_read_in_pages_that_are_complete_up_to_the_seq_they_name(run: Run, world: World) -> None:
    run(post_messages, [world.new() for _ in range(5)])
    head, events = run(changes_since, room_id=world.room.pk, after=1, limit=2)
    assert (head, [event.seq for event in events]) == (3, [2, 3])
    head, events = run(changes_since, room_id=world.room.pk, after=3, limit=2)
    assert (head, [event.seq for event in events]) == (5, [4, 5])


@on_sqlite
def test_changes_reach_the_head_where_rows_are_missing(run: Run, world: World) -> None:
    """Somebody deleted rows by hand: who waits for their seqs must not wait for ever."""
    messages = run(post_messages, [world.new() for _ in range(3)])
    run(lambda: Message.objects.get(pk=messages[2].id).delete())
    assert run(changes_since, room_id=world.room.pk, after=2) == (3, [])


@on_sqlite
@pytest.mark.parametrize(
    ("after", "kind", "deleted_kind"),
    [(0, ChatMessage, MessageDeleted), (1, MessageEdited, MessageDeleted), (2, MessageEdited, MessageDeleted)],
)
def test_the_frame_of_a_change_depends_on_what_its_reader_knows(
    run: Run, world: World, after: int, kind: Any, deleted_kind: Any
) -> None:
    [message] = run(post_messages, [world.new("frist")])
    run(edit_message, message_id=message.id, content="first")
    assert isinstance(change_frame(run(storage.message, message_id=message.id), after=after), kind)
    run(delete_message, message_id=message.id)
    assert isinstance(change_frame(run(storage.message, message_id=message.id), after=after), deleted_kind)
