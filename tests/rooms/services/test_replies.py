"""Replies: what they may answer, what they quote, the threads they make, and what a limited reader sees of them."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms import storage
from rooms.callers import Actor
from rooms.errors import Muted, NoSuchMessage
from rooms.live import topics
from rooms.live.broadcast import visible
from rooms.live.events import Encoded, Event
from rooms.models import Membership, Message, Room
from rooms.services import changes, people, replies, retention
from rooms.services.changes import changes_since
from rooms.services.history import page, snapshot
from rooms.services.posting import post_messages
from rooms.storage import StoredMessage
from tests.support.rooms import Run, World, Writers, begins_to_wait, frames, from_now, restrict, uncommitted

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


@pytest.fixture
def said(run: Run, world: World, published: list[Event]) -> StoredMessage:
    [message] = run(post_messages, [world.new("who comes? " * 20)])
    published.clear()
    return message


def reply(run: Run, world: World, to: StoredMessage, content: str = "me", **fields: Any) -> StoredMessage:
    [answer] = run(post_messages, [world.new(content, reply_to=to.id, author_id=world.bob.pk, **fields)])
    if not isinstance(answer, StoredMessage):
        raise answer
    return answer


def pages(run: Run, world: World) -> list[Any]:
    found: list[Any] = run(page, user_id=world.alice.pk, name="lobby", limit=50)
    return found


def thread(run: Run, world: World, root: StoredMessage, **fields: Any) -> list[str]:
    actor = Actor(world.alice.pk, ("user",), "socket", "alice")
    values = {"actor": actor, "name": "lobby", "message_id": str(root.id), "limit": 50, **fields}
    return [message.content for message in run(replies.page, **values)]


# --- What a reply quotes ----------------------------------------------------------------------------------------------
def test_a_reply_quotes_the_beginning_of_what_it_answers(
    run: Run, world: World, said: StoredMessage, published: list[Event]
) -> None:
    reply(run, world, said)
    event, notice = published
    [frame] = frames([event])
    expected = {
        "messageId": str(said.id), "rootId": str(said.id), "seq": 1,
        "user": {"id": str(world.alice.pk), "username": "alice"}, "excerpt": ("who comes? " * 20)[:120],
    }  # fmt: skip
    assert (frame["type"], frame["content"], frame["replyTo"]) == ("chat-message", "me", expected)
    root, answer = pages(run, world)
    assert (root.reply_count, root.last_reply_seq, root.reply_to) == (1, 2, None)
    assert answer.reply_to.excerpt == expected["excerpt"]
    _, events = run(changes_since, room_id=world.room.pk, after=1)
    assert events == [event], "who repairs a gap gets the same"
    assert notice.topic == topics.CONTROL, "the author of the answered message is informed"


def test_a_reply_to_a_reply_is_in_the_thread_of_the_first(run: Run, world: World, said: StoredMessage) -> None:
    first = reply(run, world, said, "one")
    second = reply(run, world, first, "two")
    assert second.quote is not None
    assert (second.quote.message_id, second.quote.root_id, second.quote.excerpt) == (str(first.id), str(said.id), "one")
    assert thread(run, world, said) == ["one", "two"]
    assert thread(run, world, said, limit=1) == ["two"]
    assert thread(run, world, said, after=0, limit=1) == ["one"]
    assert thread(run, world, said, before=3) == ["one"]
    assert thread(run, world, first) == []
    assert [message.reply_count for message in pages(run, world)] == [2, None, None]


def test_an_edit_and_a_deletion_show_in_the_quote(run: Run, world: World, said: StoredMessage) -> None:
    reply(run, world, said)
    run(changes.edit_message, message_id=said.id, content="nobody?")
    assert pages(run, world)[1].reply_to.excerpt == "nobody?"
    run(changes.delete_message, message_id=said.id)
    [answer] = pages(run, world)
    assert (answer.reply_to.deleted, answer.reply_to.excerpt, answer.reply_to.seq) == (True, None, 1)
    assert thread(run, world, said) == ["me"]


@on_sqlite
def test_a_pruned_message_leaves_its_id(run: Run, world: World, said: StoredMessage) -> None:
    reply(run, world, said)
    run(lambda: list(retention.prune(room_id=world.room.pk, keep=1)))
    [answer] = pages(run, world)
    assert (answer.reply_to.message_id, answer.reply_to.deleted, answer.reply_to.seq) == (str(said.id), True, None)


@on_sqlite
def test_a_deleted_reply_counts_no_more(run: Run, world: World, said: StoredMessage) -> None:
    answers = [reply(run, world, said, str(number)) for number in range(3)]
    run(changes.delete_message, message_id=answers[1].id)
    assert pages(run, world)[0].reply_count == 2
    assert list(run(lambda: list(people.erase_messages(user_id=world.bob.pk)))) == [3]
    assert pages(run, world)[0].reply_count == 2


# --- What may be answered ---------------------------------------------------------------------------------------------
@on_sqlite
def test_only_a_message_of_the_room_that_can_be_read_is_answered(run: Run, world: World, said: StoredMessage) -> None:
    [elsewhere] = run(post_messages, [world.new(room_id=world.private.pk)])
    run(changes.delete_message, message_id=reply(run, world, said, "gone").id)
    gone = run(lambda: Message.objects.get(room=world.room, seq=2).pk)
    for key in (elsewhere.id, gone, 99_999):
        [answer] = run(post_messages, [world.new(reply_to=key)])
        assert isinstance(answer, NoSuchMessage)
    run(restrict, world.room, world.bob, visible_from_seq=1)
    with pytest.raises(NoSuchMessage):
        reply(run, world, said)
    run(restrict, world.room, world.bob, muted_until=from_now(1))
    with pytest.raises(Muted):
        reply(run, world, said)
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 3


def test_a_list_keeps_the_order_of_a_room_and_refuses_alone_what_answers_nothing(
    run: Run, world: World, said: StoredMessage
) -> None:
    wanted = [
        world.new("one"), world.new("two", reply_to=said.id), world.new("three", "c", reply_to=99_999),
        world.new("four"), world.new("elsewhere", room_id=world.private.pk), world.new("five", "d", reply_to=said.id),
        world.new("five", "d", reply_to=said.id),
    ]  # fmt: skip
    answers = run(post_messages, wanted)
    seqs = [answer.seq if isinstance(answer, StoredMessage) else type(answer) for answer in answers]
    assert seqs == [2, 3, NoSuchMessage, 4, 1, 5, 5]
    assert [answer.quote is not None for answer in answers if isinstance(answer, StoredMessage)][:5] == [
        False, True, False, False, True,
    ]  # fmt: skip


@on_sqlite
def test_slow_mode_holds_for_replies_and_notes_nobody_elsewhere(run: Run, world: World, said: StoredMessage) -> None:
    reply(run, world, said)
    assert run(lambda: Membership.objects.get(room=world.room, user=world.bob).posted_at) is None
    run(lambda: Room.objects.filter(pk=world.room.pk).update(slow_mode_s=60))
    answers = run(post_messages, [world.new(str(n), reply_to=said.id, author_id=world.bob.pk) for n in range(2)])
    assert [type(answer).__name__ for answer in answers] == ["StoredMessage", "SlowMode"]


@on_postgres
def test_what_is_deleted_while_a_reply_waits_is_not_quoted(
    run: Run, world: World, said: StoredMessage, writers: Writers, published: list[Event]
) -> None:
    with uncommitted(writers(), changes.delete_message, message_id=said.id):
        waiting = begins_to_wait(run, writers(), post_messages, messages=[world.new("me", reply_to=said.id)])
    [answer] = waiting.result(20)
    assert isinstance(answer, NoSuchMessage)
    assert "who comes" not in str(frames(published))


# --- What a limited reader sees ---------------------------------------------------------------------------------------
def test_the_quote_of_a_hidden_message_is_not_shown(
    run: Run, world: World, said: StoredMessage, published: list[Event]
) -> None:
    """To a member who sees what comes after seq 1: by events, by resuming, in pages."""
    answer = reply(run, world, said)
    run(changes.edit_message, message_id=answer.id, content="me!")
    run(restrict, world.room, world.alice, visible_from_seq=1)
    of_room = [event for event in published if event.topic != topics.CONTROL]
    live = [visible(event, Encoded(event.payload), 1).payload for event in of_room]
    seen = frames([Event("", payload) for payload in live])
    seen += frames([Event("", run(lambda: snapshot(room=world.access(), after=1)).history.payload)])[0]["messages"]
    seen += frames([Event("", run(lambda: snapshot(room=world.access())).history.payload)])[0]["messages"]
    assert [frame["content"] for frame in seen] == ["me", "me!", "me!", "me!"]
    quote = {"messageId": str(said.id), "rootId": str(said.id), "seq": 1}
    assert [frame["replyTo"] for frame in seen] == [quote] * 4
    with pytest.raises(NoSuchMessage):
        thread(run, world, said)


# --- Pages ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("answers", [0, 1, 10])
def test_a_page_takes_one_statement_for_quotes_and_one_for_counts(
    run: Run, world: World, said: StoredMessage, answers: int
) -> None:
    for number in range(answers):
        reply(run, world, said, str(number))

    def read() -> int:
        with CaptureQueriesContext(connection) as queries:
            found = storage.page(room_id=world.room.pk, limit=50)
        assert sum(message.quote is not None for message in found) == answers
        return len(queries)

    assert run(read) == (3 if answers else 1)


def test_a_reply_takes_statements_that_a_plain_message_does_not(run: Run, world: World, said: StoredMessage) -> None:
    def count(**fields: Any) -> int:
        with CaptureQueriesContext(connection) as queries:
            post_messages([world.new(**fields)])
        return len(queries)

    run(post_messages, [world.new()])
    assert run(count) < run(count, reply_to=said.id)
