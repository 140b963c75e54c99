"""Posting on both databases: who may, what is stored, in which order, and what is published of it."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec
import psycopg
import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from rooms import storage
from rooms.errors import (
    BadFrame,
    Banned,
    ChatError,
    Closed,
    Conflict,
    Muted,
    NoSuchRoom,
    TooLarge,
    Unavailable,
)
from rooms.live import topics
from rooms.live.events import Event
from rooms.live.write_queue import Held
from rooms.models import Membership, Message, Room
from rooms.protocol.rules import timestamp
from rooms.services import posting, publishing
from rooms.services.changes import delete_message, edit_message, message_frame
from rooms.services.posting import new_messages, post_message, post_messages, store_messages
from rooms.services.room_settings import set_closed
from rooms.services.rooms import remove_room
from rooms.storage import Repeated, StoredMessage
from tests.support.factories import make_room, make_user
from tests.support.machine import wait_until
from tests.support.rooms import Run, World, Writers, at_once, frames, from_now, restrict, uncommitted, waiting_for_locks
from tests.support.servers import Database

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


def test_messages_take_the_next_seqs_of_their_rooms_and_are_published_in_order(
    run: Run, world: World, published: list[Event]
) -> None:
    batch = [world.new("one"), world.new("elsewhere", room_id=world.private.pk), world.new("two", "c")]
    answers = run(post_messages, batch)
    assert [(answer.room_id, answer.seq, answer.content) for answer in answers] == [
        (world.room.pk, 1, "one"),
        (world.private.pk, 1, "elsewhere"),
        (world.room.pk, 2, "two"),
    ]
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 2
    assert [(event.topic, event.seq) for event in published] == [
        (topics.of_room(world.room.pk), 1),
        (topics.of_room(world.private.pk), 1),
        (topics.of_room(world.room.pk), 2),
    ]
    assert frames(published)[2] == {
        "type": "chat-message",
        "roomId": "lobby",
        "user": {"id": str(world.alice.pk), "username": "alice"},
        "content": "two",
        "timestamp": timestamp(answers[2].created_at),
        "messageId": str(answers[2].id),
        "seq": 2,
        "changedSeq": 2,
        "clientId": "c",
    }


def test_what_is_answered_and_published_is_what_is_stored(run: Run, world: World, published: list[Event]) -> None:
    text = "हिन्दी <b>😀</b>\n" + "x" * 3_000
    [answer] = run(post_messages, [world.new(text, "null", kind="room-message")])
    [stored] = run(storage.page, room_id=world.room.pk, limit=50)
    assert (stored, stored.content) == (answer, text)
    assert frames(published) == [msgspec.to_builtins(message_frame(stored))]
    assert frames(published)[0]["type"] == "room-message"


def test_a_list_that_fails_halfway_stores_and_publishes_nothing(run: Run, world: World, published: list[Event]) -> None:
    batch = [world.new("good", room_id=world.private.pk), world.new("good"), world.new("bad", kind=None)]
    with pytest.raises(Unavailable):  # the rooms' seqs are taken already when the row without a kind is refused
        run(post_messages, batch)
    assert published == []
    assert run(Message.objects.count) == 0
    assert run(lambda: {room.last_seq for room in Room.objects.all()}) == {0}


@on_sqlite
@pytest.mark.parametrize(("module", "part"), [(posting, "change_event"), (publishing, "publish")])
def test_a_publish_that_fails_after_the_commit_undoes_nothing(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch, module: Any, part: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the loop is closed")

    monkeypatch.setattr(module, part, fail)
    [answer] = run(post_messages, [world.new("stays")])
    assert answer.seq == 1
    assert run(lambda: Message.objects.get().content) == "stays"


def test_posting_no_message_changes_nothing(run: Run, world: World, published: list[Event]) -> None:
    assert run(post_messages, []) == []
    assert published == []


@on_sqlite
def test_storing_publishes_nothing_and_answers_what_there_is_to_publish(
    run: Run, world: World, published: list[Event]
) -> None:
    """As the write queue does it."""
    run(post_messages, [world.new("before", "c")])
    published.clear()
    answers = run(store_messages, [world.new("before", "c"), world.new("new"), world.new(room_id=99_999)])
    assert published == []
    assert [message.content for message in new_messages(answers)] == ["new"]


# --- Who may post -----------------------------------------------------------------------------------------------------
def test_each_message_is_refused_for_its_own_reason_and_the_others_are_stored(
    run: Run, world: World, published: list[Event]
) -> None:
    gone = run(lambda: make_user("gone", is_active=False))
    closed = run(lambda: make_room("closed", closed_at=timezone.now()))
    removed = run(lambda: make_room("removed", removed_at=timezone.now()))
    muted = run(make_user, "muted")
    run(restrict, world.private, world.bob, banned_until=from_now(1))
    run(restrict, world.room, muted, muted_until=from_now(1))
    batch = [
        world.new("one"),
        world.new(room_id=99_999),
        world.new(room_id=removed.pk),
        world.new(author_id=99_999),
        world.new(author_id=gone.pk),
        world.new(room_id=closed.pk),
        world.new(room_id=world.private.pk, author_id=world.bob.pk),
        world.new(room_id=world.private.pk, author_id=muted.pk),
        world.new(author_id=muted.pk),
        world.new("two", author_id=world.bob.pk),
    ]
    first, *refused, last = run(post_messages, batch)
    assert [type(answer) for answer in refused] == [
        NoSuchRoom, NoSuchRoom, Banned, Banned, Closed, Banned, NoSuchRoom, Muted,
    ]  # fmt: skip
    assert (first.seq, last.seq) == (1, 2), "a refused message takes no seq"
    assert [frame["content"] for frame in frames(published)] == ["one", "two"]
    assert 3_500_000 < refused[-1].retry_after_ms <= 3_600_000


def test_an_outsider_with_a_lower_id_than_the_members_cannot_post_into_a_private_room(run: Run, world: World) -> None:
    """As with a higher one: it is the user's own membership that counts."""
    private = run(lambda: make_room("circle", kind=Room.Kind.PRIVATE))
    run(lambda: Membership.objects.create(room=private, user=world.bob))
    late = run(make_user, "late")
    assert world.alice.pk < world.bob.pk < late.pk
    batch = [world.new(room_id=private.pk, author_id=user.pk) for user in (world.alice, world.bob, late)]
    below, member, above = run(post_messages, batch)
    assert (type(below), type(above)) == (NoSuchRoom, NoSuchRoom)
    assert member.seq == 1


@on_sqlite
def test_an_expired_mute_and_an_expired_ban_refuse_nothing(run: Run, world: World) -> None:
    run(restrict, world.room, world.bob, muted_until=from_now(-1), banned_until=from_now(-1))
    [answer] = run(post_messages, [world.new(author_id=world.bob.pk)])
    assert answer.seq == 1


@on_sqlite
def test_one_message_is_posted_or_its_refusal_raised(run: Run, world: World) -> None:
    assert run(post_message, room_id=world.room.pk, author_id=world.alice.pk, content="hi").seq == 1
    with pytest.raises(NoSuchRoom):
        run(post_message, room_id=99_999, author_id=world.alice.pk, content="hi")


@pytest.mark.parametrize(
    ("content", "error"), [("", BadFrame), (" \n", BadFrame), ("a\0b", BadFrame), ("x" * 4_001, TooLarge)]
)
def test_content_outside_the_rule_is_refused_before_the_database_is_asked(content: str, error: type[ChatError]) -> None:
    with pytest.raises(error):
        post_message(room_id=1, author_id=1, content=content)


# --- The same message twice -------------------------------------------------------------------------------------------
def test_a_repeated_client_id_stores_nothing_and_answers_the_first_message(
    run: Run, world: World, published: list[Event]
) -> None:
    [first] = run(post_messages, [world.new("once", "c")])
    [second] = run(post_messages, [world.new("once", "c")])
    assert (type(first), type(second)) == (StoredMessage, Repeated)
    assert msgspec.structs.astuple(first) == msgspec.structs.astuple(second)
    assert len(published) == 1
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 1


def test_a_client_id_repeated_within_a_list_stores_one_message(run: Run, world: World, published: list[Event]) -> None:
    batch = [world.new("a", "c"), world.new("a", "c"), world.new("b", "c"), world.new("a", "d"), world.new("a", "c")]
    first, second, other, fresh, last = run(post_messages, batch)
    assert [type(answer) for answer in (first, second, other, fresh, last)] == [
        StoredMessage, Repeated, Conflict, StoredMessage, Repeated,
    ]  # fmt: skip
    assert (first.id, second.id) == (last.id, first.id)
    assert (fresh.seq, len(published)) == (2, 2)


def test_another_room_or_content_under_the_same_client_id_is_a_conflict(
    run: Run, world: World, published: list[Event]
) -> None:
    run(post_messages, [world.new("once", "c")])
    batch = [world.new("twice", "c"), world.new("once", "c", room_id=world.private.pk), world.new("once", "c")]
    assert [type(answer) for answer in run(post_messages, batch)] == [Conflict, Conflict, Repeated]
    assert len(published) == 1
    assert run(lambda: Room.objects.get(pk=world.private.pk).last_seq) == 0


@pytest.mark.parametrize("change", [partial(edit_message, content="edited"), delete_message])
def test_a_repeat_of_a_message_that_was_changed_since_is_answered_with_what_it_is_now(
    run: Run, world: World, change: Any
) -> None:
    [first] = run(post_messages, [world.new("once", "c")])
    run(change, message_id=first.id)
    again, elsewhere = run(post_messages, [world.new("once", "c"), world.new("once", "c", room_id=world.private.pk)])
    assert (type(again), again.id, again.changed_seq) == (Repeated, first.id, 2)
    assert isinstance(elsewhere, Conflict)


def test_messages_without_a_client_id_are_never_the_same(run: Run, world: World) -> None:
    answers = run(post_messages, [world.new("same"), world.new("same"), world.new("same", "")])
    assert [answer.seq for answer in answers] == [1, 2, 3]


@on_sqlite
def test_each_author_has_client_ids_of_their_own(run: Run, world: World) -> None:
    batch = [world.new(client_id="c"), world.new(client_id="c", author_id=world.bob.pk)]
    assert [answer.seq for answer in run(post_messages, batch)] == [1, 2]


@on_sqlite
def test_a_repeated_message_is_acknowledged_though_its_author_was_muted_since(run: Run, world: World) -> None:
    run(post_messages, [world.new(client_id="c")])
    run(restrict, world.room, world.alice, muted_until=from_now(1))
    [again, fresh] = run(post_messages, [world.new(client_id="c"), world.new(client_id="d")])
    assert again.seq == 1
    assert isinstance(fresh, Muted)


@on_sqlite
def test_a_client_id_whose_first_message_was_refused_can_be_used(run: Run, world: World) -> None:
    batch = [world.new("hi", "c", room_id=99_999), world.new("hi", "c")]
    refused, stored = run(post_messages, batch)
    assert (type(refused), type(stored)) == (NoSuchRoom, StoredMessage)


@on_sqlite
def test_a_client_id_that_is_always_taken_but_never_found_is_refused_for_now(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def taken(*_: object, **__: object) -> None:
        tries.append(1)
        raise IntegrityError

    monkeypatch.setattr(storage.sqlite, "store", taken)
    with pytest.raises(Unavailable):
        run(post_messages, [world.new(client_id="c")])
    assert len(tries) == posting.TRIES


# --- Many writers at once ---------------------------------------------------------------------------------------------
def test_many_writers_leave_no_hole_and_no_double(run: Run, world: World, writers: Writers) -> None:
    rooms = (world.room.pk, world.private.pk)

    def post(writer: Database, number: int) -> None:
        for turn in range(8):
            order = rooms if (turn + number) % 2 else rooms[::-1]
            batch = [world.new(client_id=f"{number}-{turn}-{room}", room_id=room) for room in order]
            answers = writer.run(post_messages, [*batch, batch[0]])
            assert not [answer for answer in answers if isinstance(answer, ChatError)]

    at_once(*(partial(post, writers(), number) for number in range(4)))
    for room in rooms:
        messages = Message.objects.filter(room=room)
        assert run(lambda messages=messages: sorted(message.seq for message in messages)) == list(range(1, 33))
        assert run(Room.objects.get, pk=room).last_seq == 32


def test_a_client_id_that_several_processes_use_at_once_is_stored_once(
    run: Run, world: World, writers: Writers
) -> None:
    answers: dict[int, list[int]] = {}

    def post(writer: Database, number: int) -> None:
        batches = [[world.new(client_id=f"c{turn}")] for turn in range(30)]
        answers[number] = [writer.run(post_messages, batch)[0].id for batch in batches]

    at_once(*(partial(post, writers(), number) for number in range(2)))
    assert run(Message.objects.count) == 30
    assert answers[0] == answers[1]
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 30, "the second try took no seq for nothing"


def test_a_client_id_that_two_rooms_get_at_once_is_stored_in_one_and_a_conflict_in_the_other(
    run: Run, world: World, writers: Writers
) -> None:
    answers: dict[int, list[Any]] = {}

    def post(writer: Database, room: int) -> None:
        batches = [[world.new(client_id=f"c{number}", room_id=room)] for number in range(30)]
        answers[room] = [writer.run(post_messages, batch)[0] for batch in batches]

    at_once(*(partial(post, writers(), room) for room in (world.room.pk, world.private.pk)))
    assert run(Message.objects.count) == 30
    for pair in zip(*answers.values(), strict=True):
        assert sorted(type(answer).__name__ for answer in pair) == ["Conflict", "StoredMessage"]


@on_postgres
def test_a_client_id_that_another_process_commits_meanwhile_is_found_by_a_second_try(
    run: Run, world: World, writers: Writers
) -> None:
    with ThreadPoolExecutor(1) as threads:
        with uncommitted(writers(), post_messages, messages=[world.new("hi", "c", room_id=world.private.pk)]):
            posting = threads.submit(writers().run, post_messages, [world.new("hi", "c"), world.new("hi", "d")])
            wait_until(lambda: waiting_for_locks(run) == 1, what="the second waits for the first")
        repeated, stored = posting.result(20)
    assert isinstance(repeated, Conflict)
    assert (type(stored), stored.seq) == (StoredMessage, 1)


@on_postgres
def test_rooms_are_locked_in_the_order_of_their_keys(run: Run, world: World, writers: Writers, url: str) -> None:
    """One transaction holds the first room and then takes the others, while a list waits that is for all of them."""
    rooms = sorted(run(make_room).pk for _ in range(8))
    run(lambda: Room.objects.filter(pk=rooms[0]).update(title="its row is now the last one of the table"))
    lock = "SELECT 1 FROM chat_rooms_room WHERE id = ANY(%s) FOR NO KEY UPDATE"
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as threads:
        other.execute(lock, [rooms[:1]])
        posting = threads.submit(writers().run, post_messages, [world.new(room_id=room) for room in rooms[::-1]])
        wait_until(lambda: waiting_for_locks(run) == 1, what="the list waits for the first room")
        other.execute(lock, [rooms[1:]])  # a deadlock, if the list had begun with another room
        other.commit()
        assert [answer.seq for answer in posting.result(20)] == [1] * 8


@on_postgres
def test_lists_with_each_others_client_ids_do_not_wait_for_each_other(
    run: Run, world: World, writers: Writers, url: str
) -> None:
    """Two lists in crossed order, each held up halfway by a third writer who then gives up."""
    third = run(make_room)
    batches = [
        [world.new(client_id=client_id) for client_id in ("a", "m", "z")],
        [world.new(client_id=client_id, room_id=world.private.pk) for client_id in ("z", "n", "a")],
    ]
    with psycopg.connect(url) as other, ThreadPoolExecutor(2) as threads:
        for seq, client_id in enumerate(("m", "n"), start=1):
            other.execute(
                "INSERT INTO chat_rooms_message"
                " (room_id, seq, changed_seq, kind, author_id, content, client_id, created_at)"
                " VALUES (%s, %s, %s, 'chat-message', %s, '', %s, now())",
                [third.pk, seq, seq, world.alice.pk, client_id],
            )
        posting = [threads.submit(writers().run, post_messages, batch) for batch in batches]
        wait_until(lambda: waiting_for_locks(run) == 2, what="both wait")
        other.rollback()
        one, two = (post.result(20) for post in posting)
    kinds = [sorted(type(answer).__name__ for answer in answers) for answers in (one, two)]
    assert sorted(kinds) == [["Conflict", "Conflict", "StoredMessage"], ["StoredMessage"] * 3]
    assert run(Message.objects.count) == 4


# --- Rooms locked by others -------------------------------------------------------------------------------------------
@on_postgres
def test_without_waiting_the_messages_of_a_locked_room_are_held_and_the_others_stored(
    run: Run, world: World, writers: Writers
) -> None:
    batch = [world.new("held", "c"), world.new("stored", room_id=world.private.pk), world.new("held", "c")]
    with uncommitted(writers(), lambda: Room.objects.select_for_update().get(pk=world.room.pk)):
        first, second, again = run(store_messages, batch, wait=False)
    assert (type(first), type(second), type(again)) == (Held, StoredMessage, Held)
    assert run(lambda: Message.objects.get().content) == "stored"
    assert run(post_messages, [world.new("held", "c")])[0].seq == 1


@on_postgres
@pytest.mark.parametrize("change", [set_closed, remove_room, lambda *, room_id: Room.objects.get(pk=room_id).delete()])
def test_a_room_that_is_closed_or_removed_while_a_list_waits_for_it_stores_nothing(
    run: Run, world: World, writers: Writers, change: Any
) -> None:
    with ThreadPoolExecutor(1) as threads:
        with uncommitted(writers(), change, room_id=world.room.pk):
            posting = threads.submit(writers().run, post_messages, [world.new()])
            wait_until(lambda: waiting_for_locks(run) == 1, what="the list waits for the room")
        [answer] = posting.result(20)
    assert isinstance(answer, Unavailable)
    assert run(post_messages, [world.new()])[0].code in {"forbidden", "no-such-room"}
    assert not run(Message.objects.exclude(kind=Message.Kind.SYSTEM).exists)


@on_sqlite
def test_a_database_that_is_locked_too_long_is_an_operational_error(
    run: Run, world: World, writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of Django's own kind, though the statements go past its cursor: what becomes of it is known there."""
    writer = writers()
    writer.run(_wait_not_at_all)
    with uncommitted(writers(), post_messages, messages=[world.new()]), pytest.raises(OperationalError):
        writer.run(post_messages, [world.new()])


def _wait_not_at_all() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 0")
