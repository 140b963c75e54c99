"""Pruning keeps the newest messages and the order, and no client resumes past what was pruned."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from django.db import connection

from rooms import storage
from rooms.live.events import Event
from rooms.models import Message, Room
from rooms.services import retention
from rooms.services.changes import changes_since, delete_message, edit_message
from rooms.services.history import snapshot
from rooms.services.posting import post_message, post_messages
from tests.support.factories import make_message, make_room
from tests.support.rooms import Run, World, Writers, begins_to_wait, uncommitted

on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


@pytest.fixture
def room(people: SimpleNamespace) -> Room:
    """Ten messages: seq 1 to 10."""
    room = make_room("lobby")
    for _ in range(10):
        make_message(room, people.alice)
    return room


def seqs(room: Room) -> list[int]:
    return list(Message.objects.filter(room=room).order_by("seq").values_list("seq", flat=True))


def prune(room: Room, keep: int) -> list[int]:
    return list(retention.prune(room_id=room.pk, keep=keep))


def resume(room: Room, after: int) -> tuple[bool, list[int]]:
    read = snapshot(room=storage.access_by_id(user_id=0, room_id=room.pk), after=after)
    history = msgspec.json.decode(read.history.payload)
    return read.recovered, [message["seq"] for message in history["messages"]]


def test_the_newest_stay_and_the_order_goes_on(room: Room, people: SimpleNamespace) -> None:
    assert retention.excess(room_id=room.pk, keep=3) == 7
    assert prune(room, 3) == [7]
    assert seqs(room) == [8, 9, 10]
    assert post_message(room_id=room.pk, author_id=people.bob.pk, content="next").seq == 11


@pytest.mark.parametrize("keep", [10, 11, 1000])
def test_a_room_that_holds_no_more_is_left_alone(room: Room, keep: int) -> None:
    assert retention.excess(room_id=room.pk, keep=keep) == 0
    assert prune(room, keep) == []
    assert seqs(room) == list(range(1, 11))
    assert resume(room, 0)[0]


def test_other_rooms_keep_theirs(room: Room, people: SimpleNamespace) -> None:
    other = make_room("other")
    make_message(other, people.alice)
    prune(room, 1)
    assert seqs(other) == [1]


def test_deleted_messages_do_not_take_the_place_of_those_that_are_shown(room: Room) -> None:
    for message in Message.objects.filter(seq__in=(8, 9)):
        delete_message(message_id=message.pk)
    prune(room, 3)
    assert seqs(room) == [6, 7, 8, 9, 10]
    assert [message.seq for message in storage.page(room_id=room.pk, limit=50)] == [6, 7, 10]


def test_many_go_in_small_transactions_oldest_first(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS", 3)
    pruning = retention.prune(room_id=room.pk, keep=2)
    assert (next(pruning), seqs(room)[0]) == (3, 4)
    assert list(pruning) == [3, 2]
    assert seqs(room) == [9, 10]


def test_messages_posted_meanwhile_are_left_to_the_next_run(
    room: Room, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS", 3)
    pruning = retention.prune(room_id=room.pk, keep=5)
    next(pruning)
    post_message(room_id=room.pk, author_id=people.bob.pk, content="meanwhile")
    list(pruning)
    assert seqs(room) == [6, 7, 8, 9, 10, 11]


def test_clients_that_know_all_that_was_pruned_resume_and_others_get_the_newest_page(room: Room) -> None:
    prune(room, 3)
    assert resume(room, 6) == (False, [8, 9, 10])
    assert resume(room, 7) == (True, [8, 9, 10])
    assert resume(room, 9) == (True, [10])


def test_a_pruned_edit_counts_as_missed_by_those_who_do_not_know_it(room: Room) -> None:
    edit_message(message_id=Message.objects.get(seq=2).pk, content="new text")  # the room's change 11
    prune(room, 3)
    assert resume(room, 10) == (False, [8, 9, 10])
    assert resume(room, 11) == (True, [])


def test_a_pruned_edit_stays_missed_when_older_changes_are_pruned_after_it(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS", 2)
    edit_message(message_id=Message.objects.get(seq=2).pk, content="new text")  # the room's change 11, pruned first
    assert prune(room, 3) == [2, 2, 2, 1]
    assert resume(room, 10) == (False, [8, 9, 10])


def test_messages_pruned_while_a_client_resumes_are_not_passed_over(room: Room) -> None:
    """Between the reading of the room's head and that of its changes."""
    pruned = []

    def prune_once(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "changed_seq" in sql and sql.strip().startswith("SELECT") and not pruned:
            pruned.append(None)
            prune(room, 3)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(prune_once):
        assert resume(room, 2) == (False, [8, 9, 10])


def test_history_and_repair_go_on_from_what_is_left(room: Room) -> None:
    prune(room, 3)
    assert [message.seq for message in storage.page(room_id=room.pk, limit=2, after=2)] == [8, 9]
    assert storage.page(room_id=room.pk, limit=2, before=8) == []
    head, events = changes_since(room_id=room.pk, after=2)
    assert (head, [event.seq for event in events]) == (10, [8, 9, 10])


def test_a_room_that_is_gone_has_nothing_to_prune(room: Room) -> None:
    room_id = room.pk
    room.delete()
    assert list(retention.prune(room_id=room_id, keep=1)) == []


# --- Beside other writers ---------------------------------------------------------------------------------------------
@on_postgres
def test_an_edit_that_is_not_yet_committed_is_counted_among_what_was_pruned(
    run: Run, world: World, writers: Writers, published: list[Event]
) -> None:
    """Else a client that knows the room up to the seq before would resume without it."""
    first, *_ = run(post_messages, [world.new() for _ in range(10)])
    with uncommitted(writers(), edit_message, message_id=first.id, content="edited"):
        pruning = begins_to_wait(run, writers(), lambda: list(retention.prune(room_id=world.room.pk, keep=3)))
        assert not pruning.done(), "the room is locked by the edit"
    assert pruning.result(20) == [7]
    assert published[-1].seq == 11
    assert run(storage.room_head, room_id=world.room.pk).pruned_seq == 11


@on_postgres
def test_messages_and_pruning_wait_for_each_other(run: Run, world: World, writers: Writers) -> None:
    run(post_messages, [world.new() for _ in range(10)])
    with uncommitted(writers(), lambda: list(retention.prune(room_id=world.room.pk, keep=3))):
        posting = begins_to_wait(run, writers(), post_messages, messages=[world.new()])
        assert not posting.done(), "the room is locked by the pruning"
    assert posting.result(20)[0].seq == 11
    assert [message.seq for message in run(storage.page, room_id=world.room.pk, limit=50)] == [8, 9, 10, 11]
