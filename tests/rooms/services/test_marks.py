"""Marks on both databases: what is unread, how a mark moves, who has read, and who learns of it."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms import storage
from rooms.callers import Actor
from rooms.errors import Banned, Forbidden, NoSuchMessage, NoSuchRoom
from rooms.live import control, topics
from rooms.live.control import Notifications
from rooms.live.events import Event
from rooms.models import Membership, Message, Room
from rooms.services import marks
from rooms.services.changes import delete_message, edit_message
from rooms.services.deletions import erase_list
from rooms.services.marks import Marked, Wish
from rooms.services.members import follow
from rooms.services.posting import post_message
from tests.support.factories import make_room, make_user
from tests.support.rooms import Run, World, frames, from_now, restrict

SYSTEM = "system"


def say(run: Run, room: Room, author: Any, count: int = 1) -> list[int]:
    """The keys of new messages."""
    return [run(post_message, room_id=room.pk, author_id=author.pk, content="hi").id for _ in range(count)]


def actor(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "rest", user.username)


def unread(run: Run, user: Any, name: str = "lobby") -> int:
    [room] = [room for room in run(marks.unread, user_id=user.pk) if room.room_id == name]
    return int(room.unread)


def read(run: Run, world: World, seq: int, version: int | None = None, user: Any = None) -> Marked:
    wish = Wish(world.room.pk, (user or world.alice).pk, seq, version)
    [answer] = run(marks.mark_read, [wish])
    if isinstance(answer, Exception):
        raise answer
    found: Marked = answer
    return found


def back(run: Run, world: World, seq: int) -> Marked:
    found: Marked = run(marks.mark_unread, actor=actor(world.alice), name="lobby", seq=seq)
    return found


@pytest.fixture
def members(run: Run, world: World) -> World:
    for user in (world.alice, world.bob):
        run(restrict, world.room, user)
    return world


# --- What is unread ---------------------------------------------------------------------------------------------------
def test_three_foreign_messages_without_one_that_was_deleted_are_two(run: Run, members: World) -> None:
    theirs = say(run, members.room, members.bob, 3)
    say(run, members.room, members.alice)
    for key in theirs[:2]:
        run(edit_message, message_id=key, content="changed")
    head = run(storage.room_head, room_id=members.room.pk).last_seq
    run(Message.objects.create, room=members.room, seq=head + 1, changed_seq=head + 1, kind=SYSTEM, content="x joined")
    run(Room.objects.update, last_seq=head + 1)
    assert unread(run, members.alice) == 3
    run(delete_message, message_id=theirs[2])
    [room] = [one for one in run(marks.unread, user_id=members.alice.pk) if one.room_id == "lobby"]
    assert (room.unread, room.read_seq, room.version) == (2, 0, 0)
    assert room.head_seq - room.read_seq == 8


def test_many_deleted_at_once_are_not_unread(run: Run, members: World) -> None:
    theirs = say(run, members.room, members.bob, 3)
    run(erase_list, actor=actor(members.bob), room_id=members.room.pk, ids=theirs[:2])
    assert unread(run, members.alice) == 1


def test_messages_of_erased_people_stay_unread(run: Run, members: World) -> None:
    say(run, members.room, members.bob)
    run(members.bob.delete)
    assert unread(run, members.alice) == 1


def test_the_count_stops_at_a_hundred(run: Run, members: World) -> None:
    rows = [
        Message(room=members.room, seq=seq, changed_seq=seq, author=members.bob, content="hi") for seq in range(1, 103)
    ]
    run(Message.objects.bulk_create, rows)
    run(Room.objects.update, last_seq=102)
    assert unread(run, members.alice) == 100
    read(run, members, 3)
    assert unread(run, members.alice) == 99


def test_what_is_hidden_from_a_member_is_not_unread(run: Run, members: World) -> None:
    say(run, members.room, members.bob, 3)
    run(restrict, members.room, members.alice, visible_from_seq=2)
    assert unread(run, members.alice) == 1


def test_a_new_member_has_missed_nothing(run: Run, world: World) -> None:
    say(run, world.room, world.bob, 2)
    run(follow, actor=actor(world.alice), name="lobby")
    assert unread(run, world.alice) == 0
    say(run, world.room, world.bob)
    assert unread(run, world.alice) == 1


def test_posting_writes_no_membership_and_clears_nothing(run: Run, members: World) -> None:
    say(run, members.room, members.bob)

    def membership_writes() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            post_message(room_id=members.room.pk, author_id=members.alice.pk, content="hi")
        return [q["sql"] for q in queries if "UPDATE" in q["sql"] and "membership" in q["sql"].split("SET")[0]]

    assert run(membership_writes) == []
    assert unread(run, members.alice) == 1


def test_one_statement_counts_all_rooms(run: Run, members: World) -> None:
    for number in range(5):
        run(restrict, run(make_room, f"more-{number}"), members.alice)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(marks.unread(user_id=members.alice.pk)) == 7
        return len(queries)

    assert run(statements) == 1


@pytest.mark.parametrize("fields", [{"role": "none"}, {"banned_until": from_now(1)}])
def test_rooms_that_one_is_not_in_any_more_are_left_out(run: Run, members: World, fields: Any) -> None:
    run(restrict, members.room, members.alice, **fields)
    assert [room.room_id for room in run(marks.unread, user_id=members.alice.pk)] == ["private"]


# --- How a mark moves -------------------------------------------------------------------------------------------------
def test_a_mark_moves_forward_and_not_beyond_the_last_seq(run: Run, members: World) -> None:
    say(run, members.room, members.bob, 3)
    assert read(run, members, 2) == Marked("lobby", 2, 0)
    assert read(run, members, 1) == Marked("lobby", 2, 0)
    assert read(run, members, 2**53 - 1) == Marked("lobby", 3, 0)
    say(run, members.room, members.bob)
    assert unread(run, members.alice) == 1


def test_marking_unread_goes_back_and_late_marks_of_before_move_nothing(run: Run, members: World) -> None:
    say(run, members.room, members.bob, 3)
    read(run, members, 3, version=0)
    assert back(run, members, 1) == Marked("lobby", 1, 1)
    assert unread(run, members.alice) == 2
    assert read(run, members, 3, version=0) == Marked("lobby", 1, 1)
    assert unread(run, members.alice) == 2
    assert read(run, members, 2, version=1) == Marked("lobby", 2, 1)
    assert back(run, members, 3) == Marked("lobby", 2, 2), "it does not go forward"
    assert read(run, members, 3) == Marked("lobby", 3, 2), "without a version it is the present one"


def test_of_several_marks_of_one_member_the_furthest_counts(run: Run, members: World) -> None:
    say(run, members.room, members.bob, 3)
    back(run, members, 0)
    wishes = [Wish(members.room.pk, members.alice.pk, seq, version) for seq, version in [(1, 1), (3, 0), (2, None)]]
    assert run(marks.mark_read, wishes) == [Marked("lobby", 2, 1)] * 3


def test_a_mark_that_was_moved_back_meanwhile_stays_there(run: Run, members: World) -> None:
    say(run, members.room, members.bob, 3)
    late = storage.Mark(members.room.pk, members.alice.pk, 0, 3)
    back(run, members, 1)
    assert run(storage.move_marks, [late]) == set()
    assert unread(run, members.alice) == 3


def test_each_wish_has_its_own_answer(run: Run, members: World) -> None:
    say(run, members.room, members.bob)
    carol = run(make_user, "carol")
    run(restrict, members.room, carol, banned_until=from_now(1))
    wishes = [Wish(members.room.pk, user.pk, 1) for user in (members.alice, carol, run(make_user))]
    wishes += [Wish(members.private.pk, members.bob.pk, 1), Wish(0, members.alice.pk, 1)]
    answers = run(marks.mark_read, wishes)
    assert [type(answer) for answer in answers] == [Marked, Banned, Forbidden, NoSuchRoom, NoSuchRoom]
    assert run(Membership.objects.get, room=members.room, user=carol).read_seq == 0


def test_only_members_mark_as_unread(run: Run, world: World) -> None:
    with pytest.raises(Forbidden):
        back(run, world, 0)
    with pytest.raises(Forbidden):
        run(marks.mark_unread, actor=actor(world.alice, "moderator", "admin"), name="lobby", seq=0)


# --- Who has read -----------------------------------------------------------------------------------------------------
def test_readers_of_a_message_page_by_page(run: Run, members: World) -> None:
    [key] = say(run, members.room, members.bob)
    others = [run(make_user) for _ in range(3)]
    for user in others:
        run(restrict, members.room, user)
    for user in (members.bob, *others[:2]):
        read(run, members, 1, user=user)
    run(restrict, members.room, run(make_user), visible_from_seq=1, read_seq=1)
    asked = {"actor": actor(members.alice), "name": "lobby", "message_id": str(key)}
    first = run(marks.readers, **asked, limit=1)
    assert (first.count, first.of, [one.username for one in first.users]) == (2, 4, [others[0].username])
    second = run(marks.readers, **asked, limit=1, after=first.next)
    assert ([one.username for one in second.users], second.next) == ([others[1].username], None)


def test_a_hidden_reader_appears_nowhere(run: Run, members: World, published: list[Event]) -> None:
    [key] = say(run, members.room, members.bob)
    asked = {"actor": actor(members.bob), "name": "lobby", "message_id": str(key)}
    published.clear()
    run(marks.hide_reads, user_id=members.alice.pk, on=True)
    read(run, members, 1)
    assert [event.topic for event in published] == [topics.CONTROL], "their own connections alone"
    page = run(marks.readers, **asked)
    assert (page.count, page.of, page.users) == (0, 0, [])
    run(marks.hide_reads, user_id=members.alice.pk, on=False)
    page = run(marks.readers, **asked)
    assert (page.count, page.of) == (1, 1)


def test_readers_of_what_one_may_not_see_are_those_of_no_message(run: Run, members: World) -> None:
    keys = [*say(run, members.room, members.bob, 2), *say(run, members.private, members.alice)]
    run(delete_message, message_id=keys[1])
    run(restrict, members.room, members.alice, visible_from_seq=1)
    for message_id in (*map(str, keys), "x", "²", "9" * 30):
        with pytest.raises(NoSuchMessage):
            run(marks.readers, actor=actor(members.alice), name="lobby", message_id=message_id)


# --- Who learns of it -------------------------------------------------------------------------------------------------
def test_a_small_room_is_sent_each_move_once(run: Run, members: World, published: list[Event]) -> None:
    say(run, members.room, members.bob, 2)
    published.clear()
    wishes = [Wish(members.room.pk, members.alice.pk, seq, connection_id=f"c{seq}") for seq in (1, 2)]
    run(marks.mark_read, wishes)
    run(marks.mark_read, wishes)
    [event, own] = published
    assert (event.topic, event.seq, event.skip) == (topics.of_room(members.room.pk), 0, "c2")
    user = {"id": str(members.alice.pk), "username": "alice"}
    marker = {"type": "read-marker", "roomId": "lobby", "user": user, "seq": 2, "version": 0}
    assert frames([event]) == [marker]
    notices = control.decode(own.payload)
    assert isinstance(notices, Notifications)
    assert [(one.key, one.besides, one.skip) for one in notices.all] == [(str(members.alice.pk), members.room.pk, "c2")]


@pytest.mark.parametrize(("limit", "rooms_events"), [(1, 0), (2, 1), (0, 1)])
def test_a_large_room_is_sent_none(
    run: Run, members: World, published: list[Event], settings: Any, limit: int, *, rooms_events: int
) -> None:
    settings.CHAT_MAX_RECEIPT_MEMBERS = limit
    say(run, members.room, members.bob)
    published.clear()
    read(run, members, 1)
    assert sum(event.topic == topics.of_room(members.room.pk) for event in published) == rooms_events
    assert published[-1].topic == topics.CONTROL


def test_a_crowded_room_is_sent_none(run: Run, members: World, published: list[Event]) -> None:
    say(run, members.room, members.bob)
    published.clear()
    run(marks.mark_read, [Wish(members.room.pk, members.alice.pk, 1)], crowded={members.room.pk})
    assert [event.topic for event in published] == [topics.CONTROL]


def test_marking_unread_is_for_own_connections_alone(run: Run, members: World, published: list[Event]) -> None:
    back(run, members, 0)
    assert [event.topic for event in published] == [topics.CONTROL]


def test_a_ban_that_is_over_hides_nothing(run: Run, members: World) -> None:
    run(restrict, members.room, members.alice, banned_until=timezone.now())
    assert unread(run, members.alice) == 0
