"""Pruning keeps the newest messages and the order, and nobody who resumes is told that nothing is missing."""

import msgspec
import pytest
from django.db import connection

from rooms import retention, services
from rooms.models import Message, Room
from tests.support.factories import make_message, make_room

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(people) -> Room:
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
    snapshot = services.snapshot(room=room, after=after)
    history = msgspec.json.decode(snapshot.history.payload)
    return snapshot.recovered, [message["seq"] for message in history["messages"]]


def test_the_newest_stay_and_the_order_goes_on(room, people) -> None:
    assert retention.excess(room_id=room.pk, keep=3) == 7
    assert prune(room, 3) == [7]
    assert seqs(room) == [8, 9, 10]
    assert services.post_message(room_id=room.pk, author_id=people.bob.pk, content="next").seq == 11


@pytest.mark.parametrize("keep", [10, 11, 1000])
def test_a_room_that_holds_no_more_is_left_alone(room, keep: int) -> None:
    assert retention.excess(room_id=room.pk, keep=keep) == 0
    assert prune(room, keep) == []
    assert seqs(room) == list(range(1, 11))
    assert resume(room, 0)[0]


def test_other_rooms_keep_theirs(room, people) -> None:
    other = make_room("other")
    make_message(other, people.alice)
    prune(room, 1)
    assert seqs(other) == [1]


def test_deleted_messages_do_not_take_the_place_of_those_that_are_shown(room) -> None:
    for message in Message.objects.filter(seq__in=(8, 9)):
        services.delete_message(message_id=message.pk)
    prune(room, 3)
    assert seqs(room) == [6, 7, 8, 9, 10]
    assert [message.seq for message in Message.objects.page(room.pk, limit=50)] == [6, 7, 10]


def test_many_go_in_small_transactions_oldest_first(room, monkeypatch) -> None:
    monkeypatch.setattr(retention, "ROWS", 3)
    pruning = retention.prune(room_id=room.pk, keep=2)
    assert (next(pruning), seqs(room)[0]) == (3, 4)
    assert list(pruning) == [3, 2]
    assert seqs(room) == [9, 10]


def test_what_is_said_meanwhile_is_left_to_the_next_run(room, people, monkeypatch) -> None:
    monkeypatch.setattr(retention, "ROWS", 3)
    pruning = retention.prune(room_id=room.pk, keep=5)
    next(pruning)
    services.post_message(room_id=room.pk, author_id=people.bob.pk, content="meanwhile")
    list(pruning)
    assert seqs(room) == [6, 7, 8, 9, 10, 11]


def test_who_has_seen_all_that_was_pruned_resumes_and_others_get_the_newest_page(room) -> None:
    prune(room, 3)
    assert resume(room, 6) == (False, [8, 9, 10])
    assert resume(room, 7) == (True, [8, 9, 10])
    assert resume(room, 9) == (True, [10])


def test_an_edit_that_was_pruned_is_missed_by_who_had_not_seen_it(room) -> None:
    services.edit_message(message_id=Message.objects.get(seq=2).pk, content="new text")  # the room's change 11
    prune(room, 3)
    assert resume(room, 10) == (False, [8, 9, 10])
    assert resume(room, 11) == (True, [])


def test_what_is_pruned_while_somebody_resumes_is_not_passed_over(room) -> None:
    """Between the reading of the room's head and that of its changes."""
    pruned = []

    def prune_once(execute, sql, params, many, context):
        if "changed_seq" in sql and sql.startswith("SELECT") and not pruned:
            pruned.append(None)
            prune(room, 3)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(prune_once):
        assert resume(room, 2) == (False, [8, 9, 10])


def test_history_and_repair_read_on_from_what_is_left(room) -> None:
    prune(room, 3)
    assert [message.seq for message in Message.objects.page(room.pk, limit=2, after=2)] == [8, 9]
    assert Message.objects.page(room.pk, limit=2, before=8) == []
    head, events = services.changes(room_id=room.pk, after=2)
    assert (head, [event.seq for event in events]) == (10, [8, 9, 10])


def test_a_room_that_is_gone_has_nothing_to_prune(room) -> None:
    room_id = room.pk
    room.delete()
    assert list(retention.prune(room_id=room_id, keep=1)) == []
